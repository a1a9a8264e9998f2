package sandbox_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/kittyhawk/appliance/engine/sandbox"
)

// What an action costs on top of its command: a sandbox for a program that ends at
// once, with the mounts of a package build.
func BenchmarkRun(b *testing.B) {
	f := newFixture(b)
	if err := os.WriteFile(filepath.Join(f.dir, "root/bin/true"), smallestProgram(b), 0o755); err != nil {
		b.Fatal(err)
	}
	one, two := f.layer("one", "a", ""), f.layer("two", "b", "")
	f.mount("/sysroot", sandbox.ReadOnly, one, two)
	f.mount("/src", sandbox.Overlay, one)
	f.mount("/out", sandbox.Writable, f.makeDir("out"))
	f.spec.Argv = []string{"/bin/true"}
	var starter sandbox.Starter
	defer starter.Close()
	for b.Loop() {
		f.scratch()
		res, err := starter.Run(b.Context(), f.spec)
		if err != nil || res.ExitCode != 0 {
			b.Fatal(res, err)
		}
	}
}

// The same, for an engine that has a large graph in memory: it must cost no more.
func BenchmarkRunFromLargeProcess(b *testing.B) {
	graph := make([]byte, 256<<20)
	for i := 0; i < len(graph); i += os.Getpagesize() {
		graph[i] = 1
	}
	BenchmarkRun(b)
	runtime.KeepAlive(graph)
}

// smallestProgram is a static ELF program of one segment that calls exit(0), so that the
// benchmark does not measure the start of a Go program twice.
func smallestProgram(b *testing.B) []byte {
	if runtime.GOARCH != "amd64" {
		b.Skip("the machine code is amd64's")
	}
	code := []byte{0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05} // mov $60, %eax; xor %edi, %edi; syscall
	const base, headers = 0x400000, 64 + 56
	le := binary.LittleEndian
	p := append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 9)...)
	p = le.AppendUint16(p, 2)  // ET_EXEC
	p = le.AppendUint16(p, 62) // EM_X86_64
	p = le.AppendUint32(p, 1)
	p = le.AppendUint64(p, base+headers) // entry
	p = le.AppendUint64(p, 64)           // program headers
	p = le.AppendUint64(p, 0)            // section headers
	p = le.AppendUint32(p, 0)
	for _, size := range []uint16{64, 56, 1, 64, 0, 0} {
		p = le.AppendUint16(p, size)
	}
	p = le.AppendUint32(p, 1) // PT_LOAD
	p = le.AppendUint32(p, 5) // readable, executable
	length := uint64(headers + len(code))
	for _, field := range []uint64{0, base, base, length, length, 0x1000} {
		p = le.AppendUint64(p, field)
	}
	return append(p, code...)
}
