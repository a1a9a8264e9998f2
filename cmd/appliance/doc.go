// Command appliance turns Starlark files into bootable Linux appliances.
//
// This package is the command line: flags, rc files, the terminal, exit codes and
// the wiring of the engine's parts. It is the only one that prints, reads the
// environment or ends the process. It does not know how anything is built.
package main
