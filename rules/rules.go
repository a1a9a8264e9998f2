// Package rules is all that is about appliances: the Starlark rules and recipes,
// embedded in the program as the repository @rules, and the Go tools that they
// call.
package rules

import (
	"embed"
	"io/fs"

	"github.com/kittyhawk/appliance/engine/action"
	"github.com/kittyhawk/appliance/rules/tools/archive"
	"github.com/kittyhawk/appliance/rules/tools/bootcheck"
	"github.com/kittyhawk/appliance/rules/tools/compose"
	"github.com/kittyhawk/appliance/rules/tools/cpio"
	"github.com/kittyhawk/appliance/rules/tools/deb"
	"github.com/kittyhawk/appliance/rules/tools/elf"
	"github.com/kittyhawk/appliance/rules/tools/ext2"
	"github.com/kittyhawk/appliance/rules/tools/gzip"
	"github.com/kittyhawk/appliance/rules/tools/patch"
	"github.com/kittyhawk/appliance/rules/tools/tar"
	"github.com/kittyhawk/appliance/rules/tools/trees"
	"github.com/kittyhawk/appliance/rules/tools/uimage"
)

// Repo is the name of the embedded repository.
const Repo = "rules"

// ExecPlatform is the label of the platform that actions run on.
const ExecPlatform = "@rules//platform:exec"

// Shell is the label of the shell to compile in for the target that its attribute
// "subject" names.
const Shell = "@rules//package:shell"

//go:embed APPLIANCE.star appliance image kernel library machine package platform rootfs sdk source toolchain toolroot
var files embed.FS

// Files are the Starlark files and recipes of @rules.
func Files() fs.FS { return files }

// Tools are the tools that the rules call, each once.
func Tools() []action.Tool {
	return []action.Tool{
		archive.Tool(),
		bootcheck.Tool(),
		compose.Tool(),
		cpio.Tool(),
		deb.Tool(),
		elf.Tool(),
		ext2.Tool(),
		gzip.Tool(),
		patch.Tool(),
		tar.Tool(),
		trees.MergeTool(),
		trees.SelectTool(),
		uimage.Tool(),
	}
}
