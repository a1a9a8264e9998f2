// Command measure runs a command some times and prints the seconds that it took
// and the memory that its largest process had, for .ci/bench.
//
//	measure [-n RUNS] [-before COMMAND] [-log FILE] PROGRAM ARGUMENT...
//
// prints "MIN MEDIAN RSS": wall clock in seconds, maximal resident set in MiB.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

func main() {
	runs := flag.Int("n", 1, "how often to run it")
	before := flag.String("before", "true", "shell command to run before each run, not measured; RUN is the number of the run")
	logName := flag.String("log", os.DevNull, "file for what the command prints")
	flag.Parse()
	if err := measure(*runs, *before, *logName, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
}

func measure(runs int, before, logName string, argv []string) error {
	if runs < 1 || len(argv) == 0 {
		return fmt.Errorf("got %d runs of %q, want at least one of a program", runs, argv)
	}
	log, err := os.Create(logName)
	if err != nil {
		return err
	}
	defer log.Close()
	var times []time.Duration
	var rss int64
	for i := range runs {
		prepare := exec.Command("/bin/sh", "-ec", before)
		prepare.Env = append(os.Environ(), fmt.Sprint("RUN=", i))
		if out, err := prepare.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", before, err, out)
		}
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Stdout, cmd.Stderr = log, log
		start := time.Now()
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%q: %w (its output is in %s)", argv, err, logName)
		}
		times = append(times, time.Since(start))
		usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		rss = max(rss, usage.Maxrss) // KiB (getrusage(2))
	}
	slices.Sort(times)
	_, err = fmt.Printf("%.3f %.3f %.0f\n", times[0].Seconds(), times[len(times)/2].Seconds(), float64(rss)/1024)
	return err
}
