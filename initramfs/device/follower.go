package device

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// following is the way to create a device by bringing up an Ethernet device in the
// initial namespace: the driver creates its own on it in its NETDEV_UP notifier,
// and deletes it when the lower one is unregistered. The lower device goes up all
// the same when the driver was refused: that is told by that there is no device,
// for which the answer is ENODEV.
func following(name, given string) Way {
	return Way{
		Name:    "notifier",
		Given:   given,
		Pattern: true,
		Answer:  unix.ENODEV,
		New: func(e *Env, d Device) (Op, error) {
			l, err := newLower(e)
			if err != nil {
				return nil, err
			}
			op := followerOp{l, d.Name}
			return op, op.Prepare()
		},
		Delete: func(e *Env, _ Device) (Op, error) {
			l, err := newLower(e)
			return l.remove, err
		},
	}.with(driver(name))
}

// followerOp brings the lower device up.
type followerOp struct {
	lower lower
	name  string // of the device that follows
}

// Prepare brings the lower device down, or creates it when it went with its
// follower.
func (o followerOp) Prepare() error {
	err := Run(o.lower.down)
	if errors.Is(err, unix.ENODEV) {
		err = Run(o.lower.create)
	}
	if err != nil {
		return fmt.Errorf("prepare the lower device: %w", err)
	}
	return nil
}

func (o followerOp) Do() error { return o.lower.up.Do() }

func (o followerOp) Result(err error) error {
	if err := o.lower.up.Result(err); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join("/sys/class/net", o.name)); err != nil {
		return fmt.Errorf("the lower device is up without %s: %w", o.name, unix.ENODEV)
	}
	return nil
}
