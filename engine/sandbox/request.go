package sandbox

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
)

// A request is what the parent tells the child.
type request struct {
	Spec  Spec // without its files, which are inherited
	Extra int  // how many ExtraFiles
	Stdin bool // the file after them is the command's standard input
	// The file after that is a socket for the master of the command's terminal.
	Terminal bool
	Probe    probe // not empty: try this ability instead of running a command
}

// A request travels as strings that end in NUL, which none of them contains: they
// are paths, arguments and environment variables, of any other bytes. Lists come
// after their length. (The child is started for every command; packages that
// encode by reflection would cost it more than the mounts do.)

func (r request) encode(w io.Writer) error {
	e := encoder{bufio.NewWriter(w)}
	e.text(string(r.Probe))
	e.number(r.Extra)
	e.number(asNumber(r.Stdin))
	e.number(asNumber(r.Terminal))
	e.list(r.Spec.Argv)
	e.list(r.Spec.Env)
	e.text(r.Spec.Dir)
	e.text(r.Spec.Scratch)
	e.number(asNumber(r.Spec.Network))
	e.list(r.Spec.Devices)
	e.number(len(r.Spec.Mounts))
	for _, m := range r.Spec.Mounts {
		e.text(m.Path)
		e.number(int(m.Mode))
		e.list(m.Layers)
	}
	return e.w.Flush()
}

type encoder struct{ w *bufio.Writer }

func (e encoder) text(s string) { e.w.WriteString(s); e.w.WriteByte(0) }
func (e encoder) number(n int)  { e.text(strconv.Itoa(n)) }

func asNumber(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (e encoder) list(list []string) {
	e.number(len(list))
	for _, s := range list {
		e.text(s)
	}
}

// decodeRequest reads no further than the end of the request, bar what is buffered.
func decodeRequest(r io.Reader) (request, error) {
	d := decoder{r: bufio.NewReader(r)}
	req := request{Probe: probe(d.text()), Extra: d.number(), Stdin: d.number() == 1, Terminal: d.number() == 1}
	req.Spec.Argv = d.list()
	req.Spec.Env = d.list()
	req.Spec.Dir = d.text()
	req.Spec.Scratch = d.text()
	req.Spec.Network = d.number() == 1
	req.Spec.Devices = d.list()
	for range d.number() {
		m := Mount{Path: d.text(), Mode: Mode(d.number()), Layers: d.list()}
		req.Spec.Mounts = append(req.Spec.Mounts, m)
	}
	return req, d.err
}

// A decoder keeps its first error and returns zero values from then on.
type decoder struct {
	r   *bufio.Reader
	err error
}

func (d *decoder) text() string {
	if d.err != nil {
		return ""
	}
	s, err := d.r.ReadString(0)
	if err != nil {
		d.err = fmt.Errorf("read request: %w", err)
		return ""
	}
	return s[:len(s)-1]
}

func (d *decoder) number() int {
	n, err := strconv.Atoi(d.text())
	if d.err == nil {
		d.err = err
	}
	return n
}

func (d *decoder) list() []string {
	var list []string
	for range d.number() {
		if d.err != nil {
			return nil
		}
		list = append(list, d.text())
	}
	return list
}
