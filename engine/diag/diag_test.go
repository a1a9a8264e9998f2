package diag

import (
	"errors"
	"io/fs"
	"testing"
)

// The shape that STYLE.md promises: position, subject, problem, the line with
// a caret, notes, a hint.
func TestProblemShape(t *testing.T) {
	p := &Problem{
		Position: Position{"examples/khvmm/APPLIANCE.star", 12, 5},
		Subject:  `ext2_image "rootfs"`,
		Text:     `no attribute "size_mb"`,
		Excerpt:  "    size_mb = 64,",
		Notes:    []string{"ext2_image is defined at rules/image/private/ext2.star:24:14"},
		Hint:     `did you mean "size_mib"?`,
	}
	const want = `examples/khvmm/APPLIANCE.star:12:5: ext2_image "rootfs": no attribute "size_mb"
        size_mb = 64,
        ^
    note: ext2_image is defined at rules/image/private/ext2.star:24:14
    hint: did you mean "size_mib"?`
	if p.Error() != want {
		t.Fatalf("got\n%s\nwant\n%s", p, want)
	}
}

// Problems come out in the order of the file, each once, and causes stay
// visible to errors.Is.
func TestListSortsAndUnwraps(t *testing.T) {
	var l List
	l.Add(Errorf(Position{"a", 2, 1}, "", "second"))
	l.Add(Errorf(Position{"a", 1, 1}, "", "first: %w", fs.ErrNotExist))
	l.Add(Errorf(Position{"a", 2, 1}, "", "second"))
	l.Add(nil)
	err := l.Err()
	if err.Error() != "a:1:1: first: file does not exist\na:2:1: second" {
		t.Fatalf("got %q", err)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Fatal("the cause is lost")
	}
}

func TestEmptyListIsNoError(t *testing.T) {
	if err := (List{}).Err(); err != nil {
		t.Fatal(err)
	}
}
