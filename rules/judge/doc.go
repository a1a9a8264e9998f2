// Package judge gives tests the standard tools that judge what we write:
// e2fsck, mkimage, tar and so on, of pinned versions, with nothing installed.
//
// It owns the way from the tool root @rules//toolroot:judges to a program that a
// test can start: the appliance program of this module builds the tool root in
// the user's own cache, and a script starts the tool with the loader and the
// libraries of the tool root, without a sandbox. So they judge on a machine that
// has Go and a shell, and the same version judges everywhere. It does not know
// what the tools say. Only tests import it.
//
// Without a judge a test is skipped and says why: with -short, with
// APPLIANCE_TEST_OFFLINE set to anything, on a machine that cannot run the
// tools, or when no mirror can be reached.
package judge
