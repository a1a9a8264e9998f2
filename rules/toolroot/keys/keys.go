package keys

import _ "embed"

//go:embed debian.asc
var debian []byte

// Debian is the archive keys of Debian 12 and 13, as ASCII armour.
func Debian() []byte { return debian }
