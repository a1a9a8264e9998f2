package platform

import (
	"cmp"

	"github.com/kittyhawk/appliance/engine/label"
)

// Configuration is what a target is analysed for: the platform its output will
// live on and the one its actions run on. It is comparable. A zero label stands
// for a platform about which nothing is known.
type Configuration struct {
	target, exec label.Label
}

// NewConfiguration is the configuration of a build from exec for target.
func NewConfiguration(target, exec label.Label) Configuration { return Configuration{target, exec} }

// Target is the platform the outputs live on.
func (c Configuration) Target() label.Label { return c.target }

// Exec is the platform the actions run on.
func (c Configuration) Exec() label.Label { return c.exec }

// ForExec is the configuration of tools that c's actions run.
func (c Configuration) ForExec() Configuration { return Configuration{c.exec, c.exec} }

// For is c with another target platform.
func (c Configuration) For(target label.Label) Configuration { return Configuration{target, c.exec} }

// String is the target platform, for people.
func (c Configuration) String() string {
	if c.target.IsZero() {
		return "no platform"
	}
	return c.target.String()
}

// Compare orders configurations by target and exec platform.
func (c Configuration) Compare(d Configuration) int {
	return cmp.Or(c.target.Compare(d.target), c.exec.Compare(d.exec))
}
