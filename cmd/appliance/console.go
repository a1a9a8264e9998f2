package main

import (
	"errors"
	"io"
)

// What the person at a console types to us, and not to the program. The keys are
// those of QEMU's multiplexer, for the fingers that know them.
const (
	escapeKey    = 'A' & 0x1f // ^A
	interruptKey = 'C' & 0x1f // ^C
)

const consoleHelp = `
^A x   end the program; so does ^C
^A ^A  send ^A to the program
^A h   this help
`

// errEnded is the cause of the end of a program that the person has ended.
var errEnded = errors.New("ended with ^A x")

// queuedKeys is how many chunks of keys wait for a program that does not read. As
// long as there is room, ^C is heard.
const queuedKeys = 1024

// console takes the keys of a terminal to a program.
type console struct {
	help io.Writer
	end  func(cause error) // ends the program

	escaped bool // the last key was ^A
	keys    chan []byte
}

func newConsole(help io.Writer, end func(cause error)) *console {
	return &console{help: help, end: end, keys: make(chan []byte, queuedKeys)}
}

// connect reads keys until the terminal is gone, which ends the program, and writes
// the program's to it. Neither ends with the program: a read from a terminal ends with
// a key.
func (c *console) connect(terminal io.Reader, program io.WriteCloser) {
	go c.send(program)
	go func() {
		defer close(c.keys)
		buffer := make([]byte, 4096)
		for {
			n, err := terminal.Read(buffer)
			if keys := c.filter(buffer[:n]); len(keys) > 0 {
				c.keys <- keys
			}
			if err != nil {
				c.end(errInterrupted)
				return
			}
		}
	}()
}

// send keeps reading keys for a program that has closed its end.
func (c *console) send(program io.WriteCloser) {
	defer program.Close()
	for keys := range c.keys {
		program.Write(keys)
	}
}

// filter is what of the typed keys is for the program; it does what the others
// say.
func (c *console) filter(typed []byte) []byte {
	var keys []byte
	for _, key := range typed {
		switch {
		case c.escaped:
			c.escaped = false
			keys = append(keys, c.command(key)...)
		case key == escapeKey:
			c.escaped = true
		case key == interruptKey:
			c.finish(errInterrupted)
		default:
			keys = append(keys, key)
		}
	}
	return keys
}

// command does what the key after ^A stands for. A key that stands for nothing is
// lost.
func (c *console) command(key byte) []byte {
	switch key {
	case escapeKey:
		return []byte{escapeKey}
	case 'x', 'X', interruptKey:
		c.finish(errEnded)
	case 'h', 'H', '?':
		io.WriteString(c.help, consoleHelp)
	}
	return nil
}

// finish ends the program, which may have left the cursor anywhere.
func (c *console) finish(cause error) {
	io.WriteString(c.help, "\n")
	c.end(cause)
}

// consoleHint is for those who do not know how to get out.
const consoleHint = "running %s; ^A x ends it, ^A h lists the keys\n"
