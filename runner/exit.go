package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"netdev.test/teardown/runner/result"
	"netdev.test/teardown/runner/suite"
)

// Exit statuses of the command. They are part of its interface.
const (
	statusGood        = result.Good
	statusRegression  = result.Regression
	statusEnvironment = 2 // wrong usage, or the machine lacks something
	statusIncomplete  = result.NotProven
)

// statusError ends the command with a status and prints nothing: what there is
// to say was said.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// usageError is a mistake on the command line.
type usageError struct {
	command string // whose help explains it: teardown run
	err     error
}

func (e *usageError) Error() string {
	return fmt.Sprintf("%v: see %s --help", e.err, e.command)
}

func (e *usageError) Unwrap() error { return e.err }

// errInterrupted is the cause of a context that a signal ended.
var errInterrupted = errors.New("interrupted")

// statusOf returns the exit status that an error means.
func statusOf(err error) int {
	var s statusError
	switch {
	case err == nil:
		return statusGood
	case errors.As(err, &s):
		return int(s)
	case errors.Is(err, errInterrupted), errors.Is(err, context.Canceled), errors.Is(err, suite.ErrGuest):
		return statusIncomplete
	}
	return statusEnvironment
}

// message is the one line that is printed for an error, empty when none is.
func message(err error) string {
	var s statusError
	if err == nil || errors.As(err, &s) {
		return ""
	}
	if errors.Is(err, context.Canceled) {
		err = errInterrupted
	}
	return "teardown: " + strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}

// worse returns the status that weighs more: a regression that was seen is the
// most important news, then what kept a kernel from being tried at all.
func worse(a, b int) int {
	for _, s := range []int{statusRegression, statusEnvironment, statusIncomplete} {
		if a == s || b == s {
			return s
		}
	}
	return statusGood
}
