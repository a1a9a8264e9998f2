package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/kittyhawk/appliance/rules/tools/passwd"
)

const passwdLong = `Print the hash of a password, for the password of a user in an APPLIANCE.star.

On a terminal the password is asked for twice. Otherwise it is the first line of
standard input.`

// passwdFlags say how to hash.
type passwdFlags struct {
	method string
	rounds int
}

func newPasswd(p *program) *cobra.Command {
	var flags passwdFlags
	cmd := &cobra.Command{
		Use:   "passwd",
		Short: "Print the hash of a password",
		Long:  passwdLong,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.passwd(cmd.Context(), flags)
		},
	}
	flags.method = "sha512"
	cmd.Flags().Var(&choice{&flags.method, []string{"sha512", "sha256"}}, "method", "hash with `sha512|sha256`")
	cmd.Flags().IntVar(&flags.rounds, "rounds", passwd.DefaultRounds, "hash `N` times: each login takes as much longer")
	return cmd
}

func (p *program) passwd(ctx context.Context, flags passwdFlags) error {
	if flags.rounds < passwd.MinRounds || flags.rounds > passwd.MaxRounds {
		return usagef("--rounds %d: want %d to %d", flags.rounds, passwd.MinRounds, passwd.MaxRounds)
	}
	password, err := p.readPassword(ctx)
	if err != nil {
		return err
	}
	hash, err := passwd.Hash(password, methods[flags.method], flags.rounds, rand.Reader)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.stdout, hash)
	return err
}

// methods are the hashes by the names of --method.
var methods = map[string]passwd.Method{"sha512": passwd.SHA512, "sha256": passwd.SHA256}

// readPassword asks a person, or reads a line.
func (p *program) readPassword(ctx context.Context) ([]byte, error) {
	if f, ok := p.stdin.(*os.File); ok && isTerminal(f) {
		return p.askPassword(ctx, f)
	}
	line, err := bufio.NewReader(p.stdin).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read standard input: %w", err)
	}
	return checkPassword([]byte(strings.TrimRight(line, "\r\n")))
}

func checkPassword(password []byte) ([]byte, error) {
	switch {
	case len(password) == 0:
		return nil, usagef("the password is empty")
	case bytes.IndexByte(password, 0) >= 0:
		return nil, usagef("the password holds a NUL byte, which nobody can type")
	}
	return password, nil
}

func (p *program) askPassword(ctx context.Context, terminal *os.File) ([]byte, error) {
	first, err := p.prompt(ctx, terminal, "Password: ")
	if err != nil {
		return nil, err
	}
	if _, err := checkPassword(first); err != nil {
		return nil, err
	}
	second, err := p.prompt(ctx, terminal, "Again: ")
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(first, second) {
		return nil, usagef("the two passwords differ")
	}
	return first, nil
}

// prompt reads a line without echo. An interrupted prompt leaves the terminal as
// it was.
func (p *program) prompt(ctx context.Context, terminal *os.File, question string) ([]byte, error) {
	before, err := term.GetState(int(terminal.Fd()))
	if err != nil {
		return nil, fmt.Errorf("terminal: %w", err)
	}
	fmt.Fprint(p.stderr, question)
	type answer struct {
		line []byte
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		line, err := term.ReadPassword(int(terminal.Fd()))
		answers <- answer{line, err}
	}()
	select {
	case a := <-answers:
		fmt.Fprintln(p.stderr)
		if errors.Is(a.err, io.EOF) {
			return nil, usagef("no password was given")
		}
		return a.line, a.err
	case <-ctx.Done():
		fmt.Fprintln(p.stderr)
		return nil, errors.Join(context.Cause(ctx), term.Restore(int(terminal.Fd()), before))
	}
}
