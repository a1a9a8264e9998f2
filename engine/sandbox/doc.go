// Package sandbox runs one command in a private root file system.
//
// It owns the act of starting a process: it is the only user of os/exec. A
// command sees the directories that its Spec mounts, a fresh /proc, a minimal
// /dev, an empty /tmp, the environment that it was given, no network and no other
// process; input, network and devices of the host only where its Spec says so. It
// is uid 0 in there and the caller outside; no setuid helper, daemon or privilege
// is needed, only a kernel (5.12 or newer) that lets ordinary users create user
// namespaces.
//
// It does not know what the command is for, where the directories come from or
// what becomes of the outputs.
//
// How it works: a Starter starts the running program once more in new namespaces
// (user_namespaces(7)). That child is process 1 of the sandbox. Its first
// call, Main, reads the Spec from a pipe, builds the mount tree, pivots into it,
// starts the command as its only child and reaps orphans. When it ends, for
// whatever reason, the kernel ends every other process of the sandbox. It ends
// with the command, when Run kills it, and when the pipe breaks because the
// process that called Run is gone.
package sandbox
