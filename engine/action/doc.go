// Package action is one command or tool call: its inputs, its outputs, its
// digest, its result. It is the border between the half of the engine that
// runs Starlark and the half that runs commands.
//
// An action lives three lives, each a type of its own. Action is the plan: it
// names artifacts, whose content nobody knows yet. Request is the plan with the
// content of every input known; its Key is the REAPI action digest. Result is
// what came out.
//
// The package does not start, schedule or cache anything, and it does not know
// what a rule is.
package action
