package passwd

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// Password is the second field of a line of /etc/shadow. The zero Password is
// "*": no password opens the account, an SSH key may.
type Password struct {
	field string // "" stands for "*"
	empty bool   // the field is empty; anybody may log in
}

// ParsePassword reads what a declaration may say: a crypt(3) hash, "*" (no
// password opens the account), "!" (locked, for SSH keys too) or "!" and a hash
// (locked until the "!" is taken away). It refuses clear text, and also the
// empty password, for which EmptyPassword is.
func ParsePassword(s string) (Password, error) {
	hash, locked := strings.CutPrefix(s, "!")
	if s == "*" || s == "!" {
		return Password{field: s}, nil
	}
	if s == "" {
		return Password{}, errors.New(`password: got an empty one; want a hash, or "*" for no login by password`)
	}
	if err := CheckHash(hash); err != nil {
		return Password{}, err
	}
	if locked {
		return Password{field: "!" + hash}, nil
	}
	return Password{field: hash}, nil
}

// EmptyPassword lets anybody in who knows the name of the user.
func EmptyPassword() Password { return Password{empty: true} }

// String is the field as shadow(5) has it.
func (p Password) String() string {
	if p.field == "" && !p.empty {
		return "*"
	}
	return p.field
}

// hashForm is a method of crypt(5) that a C library of an appliance may know.
type hashForm struct {
	prefix, name string
	form         *regexp.Regexp
}

// hashForms are compiled when they are first needed: it takes as long as half
// the start of the program, and most runs never look at a password.
var hashForms = sync.OnceValue(func() []hashForm {
	return []hashForm{
		{"$1$", "md5crypt", regexp.MustCompile(`^\$1\$[./0-9A-Za-z]{0,8}\$[./0-9A-Za-z]{22}$`)},
		{"$5$", "sha256crypt", regexp.MustCompile(`^\$5\$(rounds=[1-9][0-9]{3,8}\$)?[./0-9A-Za-z]{1,16}\$[./0-9A-Za-z]{43}$`)},
		{"$6$", "sha512crypt", regexp.MustCompile(`^\$6\$(rounds=[1-9][0-9]{3,8}\$)?[./0-9A-Za-z]{1,16}\$[./0-9A-Za-z]{86}$`)},
		{"$2", "bcrypt", regexp.MustCompile(`^\$2[aby]\$[0-9]{2}\$[./0-9A-Za-z]{53}$`)},
		{"$y$", "yescrypt", regexp.MustCompile(`^\$y\$[./0-9A-Za-z]+\$[./0-9A-Za-z]{1,86}\$[./0-9A-Za-z]{43}$`)},
	}
})

// CheckHash gives an error unless s is a crypt(3) hash of a method that has a
// prefix. The old DES hashes have none and cannot be told from clear text.
//
// The error does not contain s: it may be somebody's password.
func CheckHash(s string) error {
	for _, h := range hashForms() {
		if h.form.MatchString(s) {
			return nil
		}
		if strings.HasPrefix(s, h.prefix) {
			return fmt.Errorf("password: begins with %s, but is not a whole %s hash; is a part of it missing?", h.prefix, h.name)
		}
	}
	return errors.New("password: got clear text or an old DES hash, want a hash that begins with $; `appliance passwd` makes one")
}
