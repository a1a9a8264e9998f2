package gzip

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/kittyhawk/appliance/rules/judge"
)

// benchInput is the file named by APPLIANCE_GZIP_CORPUS (an image of a root
// file system is the fair one), or else an artificial one.
func benchInput(b *testing.B) []byte {
	name := os.Getenv("APPLIANCE_GZIP_CORPUS")
	if name == "" {
		return corpus(32 << 20)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		b.Fatal(err)
	}
	return data
}

// countingWriter only wants to know how much there was.
type countingWriter int64

func (w *countingWriter) Write(p []byte) (int, error) {
	*w += countingWriter(len(p))
	return len(p), nil
}

func BenchmarkCompress(b *testing.B) {
	input := benchInput(b)
	for _, level := range []int{1, 6, 8, 9} {
		b.Run(fmt.Sprintf("level=%d", level), func(b *testing.B) {
			b.SetBytes(int64(len(input)))
			for b.Loop() {
				var out countingWriter
				if err := Compress(context.Background(), &out, bytes.NewReader(input), Options{Level: level}); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(out), "compressed-bytes")
			}
		})
	}
}

// BenchmarkRemembered is the edit of one byte in an image seen before.
func BenchmarkRemembered(b *testing.B) {
	input := benchInput(b)
	opts := Options{Level: 9, Memo: newMemo()}
	compress(b, bytes.NewReader(input), opts)
	b.SetBytes(int64(len(input)))
	for b.Loop() {
		input[len(input)/3]++
		if err := Compress(context.Background(), io.Discard, bytes.NewReader(input), opts); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkZeros(b *testing.B) {
	input := make([]byte, 64<<20)
	b.SetBytes(int64(len(input)))
	for b.Loop() {
		if err := Compress(context.Background(), io.Discard, bytes.NewReader(input), Options{Level: 9}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPeers runs the programs that others use, on the same input.
func BenchmarkPeers(b *testing.B) {
	input := benchInput(b)
	for _, argv := range [][]string{{"pigz", "-6"}, {"pigz", "-9"}, {"gzip", "-6"}, {"gzip", "-9"}} {
		b.Run(argv[0]+argv[1], func(b *testing.B) {
			program := judge.Tool(b, argv[0])
			b.SetBytes(int64(len(input)))
			for b.Loop() {
				var out countingWriter
				cmd := exec.Command(program, argv[1], "-n", "-c")
				cmd.Stdin = bytes.NewReader(input)
				cmd.Stdout = &out
				if err := cmd.Run(); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(out), "compressed-bytes")
			}
		})
	}
}
