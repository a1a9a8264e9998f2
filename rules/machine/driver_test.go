// Package machine_test tests the driver of dialogues, without machines.
package machine_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/kittyhawk/appliance/rules/judge"
)

// A dialogue is led with a shell script in the place of a machine.
type dialogue struct {
	name    string
	machine string   // a script for sh
	steps   []string // lines, with tabs between words
	seconds string   // the time limit; default 20
	last    string   // pattern of the last line of the log
	log     string   // a text that is in the log
}

// What comes true passes, and only that.
func TestPassing(t *testing.T) {
	for _, d := range []dialogue{{
		name: "no steps",
		last: `passed: 0 steps`,
	}, {
		name:    "patterns one after the other",
		machine: `echo one two; echo three`,
		steps:   []string{"expect\tone\t0", "expect\t^three$\t0", "end"},
		last:    `passed: 3 steps`,
	}, {
		name:    "a pattern that comes in pieces",
		machine: `printf lo; sleep 0.3; printf 'gin: '; read line; echo "<$line>"`,
		steps:   []string{"expect\tlogin: \t0", "send\tann", "expect\t^<ann\r?>\t0"},
		last:    `passed: 3 steps`,
	}, {
		name:    "carriage returns and the sequences of an editor",
		machine: `printf 'a\r\n\033[6n\033[1;31mred\033'; sleep 0.3; printf '[0m\n'`,
		steps:   []string{"expect\t^a\\nred$\t0"},
		last:    `passed: 1 steps`,
	}, {
		name:    "a message of the kernel in the middle",
		machine: `printf 'log[    1.234567] eth0: link is up\nin: '; cat`,
		steps:   []string{"expect\tlogin: \t0"},
		last:    `passed: 1 steps`,
	}, {
		name:    "a root file system",
		machine: `echo '[    0.5] VFS: Mounted root (ext2 filesystem) on device 1:0.'`,
		steps:   []string{"root\tVFS: Mounted root (ext2 filesystem) on device 1:0."},
		last:    `passed: 1 steps`,
	}, {
		name:    "a login with a password",
		machine: `printf 'login: '; read u; printf 'Password: '; read p; echo "$u/$p"; printf '$ '; cat`,
		steps:   []string{"login\tann\tsecret\t[#$] $"},
		last:    `passed: 1 steps`,
		log:     "ann/secret",
	}, {
		name:    "a login without a password",
		machine: `printf 'login: '; read u; printf '# '; cat`,
		steps:   []string{"login\troot\t\t[#$] $"},
		last:    `passed: 1 steps`,
	}, {
		name:    "a login that is refused",
		machine: `printf 'login: '; read u; printf 'Password: '; read p; echo 'Login incorrect'; cat`,
		steps:   []string{"refused\troot\tx"},
		last:    `passed: 1 steps`,
	}, {
		name:    "commands",
		machine: shell,
		steps: []string{
			"run\techo $((6*7))\t^42$\t0\t0",
			"run\tx=\"it's\"; false # not the end\t\t1\t0",
			"run\techo \"<$x>\"\t^<it's>$\t0\t0",
			"run\tsleep 0.1 &\t\t0\t0",
			"run\tprintf 'no end of line'\tline$\t0\t0",
		},
		last: `passed: 5 steps`,
	}, {
		name:    "a command whose end a message of the kernel hides",
		machine: `read line; printf '\n<begin 1>\nout[    2.000001] put\nput\n\n<en[   12.345678] crng init done\nd 1 0>\n'; cat`,
		steps:   []string{"run\ttrue\t^output$\t0\t0"},
		last:    `passed: 1 steps`,
	}, {
		name:    "commands beside the machine",
		machine: `cat`,
		steps:   []string{"host\ttitle\techo 'a  b' >&2\\nexit 3\ta  b\t3\t0", "host\ttitle\ttest \"$(cat)\" = ''\t\t0\t0"},
		last:    `passed: 2 steps`,
		log:     "a  b",
	}, {
		name:    "a command that comes true later",
		machine: `cat`,
		steps:   []string{"host\ttitle\ttest -e seen || { touch seen; exit 1; }\t\t0\t20"},
		last:    `passed: 1 steps`,
		log:     "again: got exit status 1, want 0",
	}, {
		name:    "a machine that starts twice",
		machine: `if test -e disk; then echo second; else echo first; touch disk; fi`,
		steps:   []string{"expect\tfirst\t0", "restart", "expect\tsecond\t0", "end"},
		last:    `passed: 4 steps`,
	}, {
		name:    "texts that mean something to Tcl",
		machine: `read line; echo "$line"`,
		steps:   []string{"send\t[exit 7] $::env(HOME) {\" \\\\n;", "expect\t\\[exit 7\\] \\$::env\\(HOME\\)\t0"},
		last:    `passed: 2 steps`,
	}} {
		t.Run(d.name, func(t *testing.T) { d.lead(t, 0) })
	}
}

// What does not come true fails at once, and the last line says why: nobody waits
// for a machine that has given up.
func TestFailing(t *testing.T) {
	for _, d := range []dialogue{{
		name:    "a pattern that does not come",
		machine: `echo other; cat`,
		steps:   []string{"expect\tother\t0", "expect\tlogin: \t1"},
		last:    `failed after [\d.]+ s: step 2 of 2 \(expect login:\): waited [\d.]+ s for "login: ": the time limit of the step is reached`,
	}, {
		name:    "a test that takes too long",
		machine: `cat`,
		steps:   []string{"expect\tlogin: \t100"},
		seconds: "1",
		last:    `step 1 of 1 \(expect login:\): waited [\d.]+ s for "login: ": the time limit of the test is reached`,
	}, {
		name:    "a machine that never ends",
		machine: `cat`,
		steps:   []string{"end"},
		seconds: "1",
		last:    `step 1 of 1 \(end\): waited [\d.]+ s for the machine to end: the time limit`,
	}, {
		name:    "a machine that writes without end",
		machine: `while :; do echo more; done`,
		steps:   []string{"expect\tlogin: \t0"},
		seconds: "1",
		last:    `waited [\d.]+ s for "login: ": the time limit`,
	}, {
		name:    "a panic",
		machine: `printf '[    1.0] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(1,0)\n'; cat`,
		steps:   []string{"expect\tlogin: \t0"},
		last:    `step 1 of 1 \(expect login:\): the kernel panicked: not syncing: VFS: Unable to mount root fs on unknown-block\(1,0\)$`,
	}, {
		name:    "a panic that is the last word",
		machine: `printf 'Kernel panic - not syncing: No working init found.'`,
		steps:   []string{"expect\tlogin: \t0"},
		last:    `the kernel panicked: not syncing: No working init found\.$`,
	}, {
		name:    "a panic while a command runs beside the machine",
		machine: `printf 'Kernel panic - not syncing: System is deadlocked on memory\n'; cat`,
		steps:   []string{"host\tsleep\tsleep 100\t\t0\t0"},
		last:    `step 1 of 1 \(host sleep\): the kernel panicked: not syncing: System is deadlocked on memory$`,
	}, {
		name:    "a machine that ends early",
		machine: `echo no such disk >&2; exit 1`,
		steps:   []string{"expect\tlogin: \t0"},
		last:    `the machine ended \(exit code 1\) after [\d.]+ s of waiting for "login: "`,
		log:     "no such disk",
	}, {
		name:    "a machine that crashes",
		machine: `kill -KILL $$`,
		steps:   []string{"end"},
		last:    `the machine ended with signal SIGKILL$`,
	}, {
		name:    "a machine that has ended",
		machine: `echo bye`,
		steps:   []string{"end", "send\thello"},
		last:    `step 2 of 2 \(send hello\): the machine has ended \(exit code 0\): nobody reads hello`,
	}, {
		name:    "another root file system",
		machine: `echo '[    0.5] VFS: Mounted root (ext2 filesystem) readonly on device 254:0.'; cat`,
		steps:   []string{"root\tVFS: Mounted root (ext2 filesystem) on device 1:0."},
		last:    `the root file system is another one: got "VFS: Mounted root \(ext2 filesystem\) readonly on device 254:0\.", want "VFS: Mounted`,
	}, {
		name:    "an initramfs in the place of a ramdisk",
		machine: `echo '[    0.5] Run /init as init process'; cat`,
		steps:   []string{"root\tVFS: Mounted root (ext2 filesystem) on device 1:0."},
		last:    `the root file system is another one: got "Run /init as init process", want`,
	}, {
		name:    "a login that should not be refused",
		machine: `printf 'login: '; read u; printf 'Password: '; read p; echo 'Login incorrect'; cat`,
		steps:   []string{"login\troot\tx\t[#$] $"},
		last:    `step 1 of 1 \(login root\): root: the machine says that the login is incorrect`,
	}, {
		name:    "an exit status",
		machine: shell,
		steps:   []string{"run\tfalse\t\t0\t0"},
		last:    `step 1 of 1 \(run false\): got exit status 1, want 0`,
	}, {
		name:    "an output",
		machine: shell,
		steps:   []string{"run\thostname() { echo other; }; hostname\t^khvmm$\t0\t0"},
		last:    `got "other", want something that matches "\^khvmm\$"`,
	}, {
		name:    "a command without a shell",
		machine: `cat >/dev/null`,
		steps:   []string{"run\ttrue\t\t0\t1"},
		last:    `step 1 of 1 \(run true\): waited [\d.]+ s for the shell to start the command: the time limit of the step is reached`,
	}, {
		name:    "a command that does not end",
		machine: shell,
		steps:   []string{"run\tsleep 100\t\t0\t1"},
		last:    `step 1 of 1 \(run sleep 100\): waited [\d.]+ s for the command to end: the time limit of the step is reached`,
	}, {
		name:    "a file that is not there",
		machine: shell,
		steps:   []string{"fetch\t/no/such/file\tcopy"},
		last:    `step 1 of 1 \(fetch /no/such/file\): /no/such/file: cannot be read: .*[Nn]o such file`,
	}, {
		name:    "a file that is damaged on its way",
		machine: `read line; printf '\n<begin 1>\n3015617425 6\naGVsbG8h\n\n<end 1 0>\n'; cat`,
		steps:   []string{"fetch\t/etc/greeting\tcopy"},
		last:    `/etc/greeting: damaged on its way over the console: got checksum and size "\d+ 6", want "3015617425 6"`,
	}, {
		name:    "a command beside the machine that fails",
		machine: `cat`,
		steps:   []string{"host\ttitle\techo sorry; exit 4\t\t0\t0"},
		last:    `step 1 of 1 \(host title\): got exit status 4, want 0`,
		log:     "sorry",
	}, {
		name:    "a command beside the machine that is killed",
		machine: `cat`,
		steps:   []string{"host\ttitle\tkill -KILL $$\t\t0\t0"},
		last:    `the command ended with signal SIGKILL`,
	}, {
		name:    "a command beside the machine that never comes true",
		machine: `cat`,
		steps:   []string{"host\ttitle\texit 1\t\t0\t1"},
		last:    `step 1 of 1 \(host title\): got exit status 1, want 0`,
		log:     "again: ",
	}, {
		name:    "a command that has no machine to talk to",
		machine: `exit 1`,
		steps:   []string{"host\ttitle\tsleep 0.5; exit 1\t\t0\t100"},
		last:    `step 1 of 1 \(host title\): the machine ended \(exit code 1\): got exit status 1, want 0`,
	}, {
		name:    "a pattern that is none",
		machine: `echo started`,
		steps:   []string{"expect\tfine\t0", "run\ttrue\t(\t0\t0"},
		last:    `failed after [\d.]+ s: step 2 \(run\): "\(": couldn't compile regular expression pattern: parentheses \(\) not balanced`,
	}} {
		t.Run(d.name, func(t *testing.T) { d.lead(t, 1) })
	}
}

// A machine that reads commands as a shell on a console does, and shows them.
const shell = `while IFS= read -r line; do printf '%s\r\n' "$line"; eval "$line"; done 2>&1`

// fake is set in the environment of this program when it is to be a machine.
const fake = "DRIVER_TEST_MACHINE"

func TestMain(m *testing.M) {
	if script := os.Getenv(fake); script != "" {
		os.Exit(beMachine(script))
	}
	os.Exit(m.Run())
}

// beMachine runs a script behind a console: the return key ends a line.
func beMachine(script string) int {
	cmd := exec.Command("sh", script)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 127
	}
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := os.Stdin.Read(buf)
			in.Write(bytes.ReplaceAll(buf[:n], []byte("\r"), []byte("\n")))
			if err != nil {
				in.Close()
				return
			}
		}
	}()
	cmd.Wait()
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
		syscall.Kill(os.Getpid(), status.Signal())
	}
	return cmd.ProcessState.ExitCode()
}

// What is fetched is the file, byte by byte.
func TestFetch(t *testing.T) {
	dir := t.TempDir()
	content := bytes.Repeat([]byte{0, 1, '\n', '\r', 0x1b, '[', 'm', 0xff}, 30000)
	if err := os.WriteFile(filepath.Join(dir, "it's here"), content, 0o644); err != nil {
		t.Fatal(err)
	}
	d := dialogue{machine: shell, steps: []string{"fetch\t" + dir + "/it's here\tcopy"}, last: `passed: 1 steps`, log: "==> 240000 bytes"}
	got, err := os.ReadFile(filepath.Join(d.lead(t, 0), "copy"))
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("got %d bytes, %v, want the %d of the file", len(got), err, len(content))
	}
}

// A dialogue that names a step that there is not is a bug, not a failed test.
func TestNoSuchStep(t *testing.T) {
	d := dialogue{steps: []string{"sing"}, last: ``}
	if _, log := d.run(t, t.TempDir()); !strings.Contains(log, `no step "sing"`) {
		t.Errorf("got\n%s", log)
	}
}

// lead runs the dialogue and checks how it ends; it returns the directory that it
// ran in.
func (d dialogue) lead(t *testing.T, wantCode int) string {
	t.Helper()
	dir := t.TempDir()
	code, log := d.run(t, dir)
	lines := strings.Split(strings.TrimSpace(log), "\n")
	last := lines[len(lines)-1]
	if code != wantCode || !regexp.MustCompile(d.last).MatchString(last) || !strings.HasPrefix(last, "==> ") {
		t.Errorf("got exit code %d, want %d, and a last line that matches %q; the log is\n%s", code, wantCode, d.last, log)
	}
	if !strings.Contains(log, d.log) {
		t.Errorf("no %q in\n%s", d.log, log)
	}
	return dir
}

func (d dialogue) run(t *testing.T, dir string) (code int, log string) {
	t.Helper()
	tclsh := judge.Tool(t, "tclsh8.6")
	driver, err := filepath.Abs("private/driver.tcl")
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	steps := write("dialogue", strings.Join(d.steps, "\n")+"\n")
	machine := write("machine.sh", d.machine+"\n")
	seconds := d.seconds
	if seconds == "" {
		seconds = "20"
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(tclsh, driver, seconds, steps, dir, self)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "LC_ALL=C", fake+"="+machine)
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}
