package analyze

import (
	"path"

	"github.com/kittyhawk/appliance/engine/diag"
	"github.com/kittyhawk/appliance/engine/platform"
)

// place is where an output appears. Configurations do not meet: of each target
// only one can be linked into out/.
type place struct {
	config platform.Configuration
	path   string
}

// output is a declaration and who made it.
type output struct {
	*declared
	node *node
}

func (o output) place() place { return place{o.node.config, o.artifact.Path()} }

// collisions are outputs of two targets at one path, or one inside the other.
// Which of two is blamed depends on the order of the nodes alone.
func (a *analysis) collisions(order []*node) diag.List {
	var all []output
	for _, n := range order {
		for _, d := range n.declared {
			all = append(all, output{d, n})
		}
	}
	var problems diag.List
	taken := make(map[place]output, len(all))
	for _, o := range all {
		if other, ok := taken[o.place()]; ok {
			p := a.problem(o.node.target, "", "output %s is declared by %s too", o.artifact.Path(), other.node.label)
			p.Notes = []string{"at " + other.position.String() + " and " + o.position.String()}
			problems = append(problems, p)
			continue
		}
		taken[o.place()] = o
	}
	for _, o := range all {
		if other, ok := above(taken, o.place()); ok {
			problems = append(problems, a.problem(o.node.target, "", "output %s lies inside output %s of %s", o.artifact.Path(), other.artifact.Path(), other.node.label))
		}
	}
	return problems
}

// above is the output that a place lies inside of.
func above(taken map[place]output, p place) (output, bool) {
	for p.path = path.Dir(p.path); p.path != "."; p.path = path.Dir(p.path) {
		if o, ok := taken[p]; ok {
			return o, true
		}
	}
	return output{}, false
}
