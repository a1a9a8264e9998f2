// Probe is the command of the runner's tests: it does what its arguments say,
// in order.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

func main() {
	for _, step := range os.Args[1:] {
		verb, rest, _ := strings.Cut(step, " ")
		if err := do(verb, rest); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// terminal tells of the terminal: which it is and its size, as columns x rows.
func terminal() error {
	name, err := os.Readlink("/proc/self/fd/0")
	if err != nil {
		return err
	}
	var size struct{ rows, columns, x, y uint16 }
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, 0, syscall.TIOCGWINSZ, uintptr(unsafe.Pointer(&size))); errno != 0 {
		return errno
	}
	fmt.Printf("%s %dx%d\n", name, size.columns, size.rows)
	return nil
}

func do(verb, rest string) error {
	switch verb {
	case "write":
		name, text, _ := strings.Cut(rest, " ")
		return os.WriteFile(name, []byte(text), 0o644)
	case "copy":
		from, to, _ := strings.Cut(rest, " ")
		b, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		return os.WriteFile(to, b, 0o644)
	case "setuid":
		if err := os.WriteFile(rest, nil, 0o755); err != nil {
			return err
		}
		return os.Chmod(rest, 0o755|os.ModeSetuid)
	case "link":
		return os.Symlink("x", rest)
	case "print":
		for i := range 100 {
			fmt.Println(rest, i)
		}
	case "say":
		fmt.Println(rest)
	case "env":
		fmt.Println(os.Getenv(rest))
	case "terminal": // once for each line that is typed
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			if err := terminal(); err != nil {
				return err
			}
		}
	case "nonblock":
		return syscall.SetNonblock(int(os.Stdout.Fd()), true)
	case "cat":
		_, err := io.Copy(os.Stdout, os.Stdin)
		return err
	case "hang":
		time.Sleep(time.Hour)
	case "makeflags":
		return os.WriteFile(rest, []byte(os.Getenv("MAKEFLAGS")), 0o644)
	case "kill":
		return syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "exit":
		code, err := strconv.Atoi(rest)
		if err != nil {
			return err
		}
		os.Exit(code)
	}
	return nil
}
