// Command teardown runs the suite on a kernel: it sets the machine up, gets and
// builds the kernel, boots it under QEMU and ends with a verdict.
//
// Start with
//
//	go run ./runner --help
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := interruptible(context.Background())
	code := execute(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// sameSignal is how long after the first signal another is taken for the same.
const sameSignal = 300 * time.Millisecond

// interruptible returns a context that ends at the first SIGINT or SIGTERM, at
// which everything is cleaned up. The second one kills what still runs and ends
// the process at once.
func interruptible(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	quit := make(chan struct{})
	go func() {
		var first time.Time
		for {
			select {
			case <-quit:
				return
			case <-signals:
			}
			switch {
			case first.IsZero():
				first = time.Now()
			case time.Since(first) < sameSignal:
				continue
			default:
				groups.kill()
				os.Exit(statusIncomplete)
			}
			fmt.Fprintln(os.Stderr, "\nteardown: interrupted: cleaning up (once more to force)")
			cancel(errInterrupted)
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(quit)
		cancel(nil)
	}
}
