package examples_test

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// What khvmm's README has people do: unpack memcached, compile it with the cross
// compiler in the PATH, and put what was installed into an image. The compiler's
// libraries are those of the machine, so that the machine runs it.
func TestMemcachedByHand(t *testing.T) {
	w := bootWorkspace(t)
	w.build("@rules//library/memcached:source")
	unpacked := filepath.Join(w.dir, "handmade", "memcached")
	w.command("mkdir", "handmade")
	w.command("cp", "-a", "out/@rules/library/memcached/source/.", unpacked)
	w.command("chmod", "-R", "u+w", unpacked)
	w.command(program, "-C", unpacked, "shell", "--ui=plain", "//examples/khvmm", "--",
		"sh", "-c", "./configure --prefix=/usr --host=powerpc-linux && make && make install")
	w.command("rm", "-r", filepath.Join(unpacked, "destdir/usr/include"), filepath.Join(unpacked, "destdir/usr/share"))
	w.write("handmade/APPLIANCE.star", `
load("@rules//appliance:defs.star", "appliance", "overlay", "user")
load("@rules//machine:defs.star", "boot_test", "end", "host", "login", "run", "send")

appliance(
    name = "node",
    platform = "@rules//platform:ppc440fp",
    packages = ["@rules//library/busybox", "@rules//library/libevent"],
    overlays = [":memcached"],
    getty = "ttyS0:115200",
    interfaces = {"eth0": "dhcp"},
    users = [user("root", uid = 0, password = "$6$khvmmroot$lzAanZN677YpQ8QZb2DHRTYLbuRxrFk9nakuqf4tJCPX3082/C3hN5Qe0xNeIAqM7ec.5kc0eX3sIVVwfBXke0")],  # "root"
    machine = "@rules//machine:bamboo",
)

overlay(
    name = "memcached",
    src = "memcached/destdir",
)

boot_test(
    name = "test",
    dialogue = [
        login("root", "root"),
        run("memcached -d -u root", status = 0),
        host("printf 'set a 0 0 1\\r\\nx\\r\\nget a\\r\\nquit\\r\\n' | nc 127.0.0.1 11211", output = "STORED\\s+VALUE a 0 1\\s+x", until_s = 60),
        send("reboot"),
        end(),
    ],
    forward = ["11211:11211"],
    image = ":node.ext2.gz",
    machine = "@rules//machine:bamboo",
)
`)
	w.boot("//handmade:test")
}

// command runs a program in the workspace.
func (w *workspace) command(argv ...string) {
	w.t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = w.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Fatalf("%q: %v\n%s", argv, err, out)
	}
}
