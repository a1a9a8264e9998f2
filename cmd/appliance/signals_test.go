package main

import (
	"context"
	"errors"
	"os"
	"syscall"
	"testing"
)

// ^C ends a build in good order: the context is cancelled, and says why.
func TestInterruptible(t *testing.T) {
	ctx, stop := interruptible(t.Context(), func() {})
	defer stop()
	if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	<-ctx.Done()
	if cause := context.Cause(ctx); !errors.Is(cause, errInterrupted) {
		t.Errorf("got %v, want %v", cause, errInterrupted)
	}
}

// A program that ends by itself was not interrupted.
func TestNotInterrupted(t *testing.T) {
	ctx, stop := interruptible(t.Context(), func() {})
	stop()
	<-ctx.Done()
	if errors.Is(context.Cause(ctx), errInterrupted) {
		t.Error("it says that it was interrupted")
	}
}
