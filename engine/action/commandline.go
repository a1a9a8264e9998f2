package action

import (
	"fmt"
	"strings"
)

// CommandLine is what the action runs, in one line for people: arguments that a
// shell would split or change are quoted.
func (a *Action) CommandLine() string {
	switch w := a.work.(type) {
	case *Command:
		return quote(w.Argv)
	case *ToolCall:
		return quote([]string{"tool", w.Tool, string(w.Args)})
	case *Fetch:
		return quote(append([]string{"fetch", fmt.Sprintf("%x", w.SHA256)}, w.URLs...))
	}
	panic(fmt.Sprintf("bug: no command line for %T", a.work))
}

func quote(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = w
		if w == "" || strings.ContainsAny(w, " \t\n\"'\\$`;&|<>()*?[]{}~#!") {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}
