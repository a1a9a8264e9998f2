package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/kittyhawk/appliance/rules/tools/passwd"
)

// Each hash opens the account that it was made for, by the word of the package
// that checks passwords of appliances, and no other.
func TestPasswdHash(t *testing.T) {
	for _, flags := range []passwdFlags{{"sha512", defaultRounds}, {"sha512", 1000}, {"sha256", defaultRounds}, {"sha256", 1001}} {
		hash, err := flags.hash([]byte("open sesame"), strings.NewReader("0123456789abcdef"))
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := passwd.Verify(hash, "open sesame"); err != nil || !ok {
			t.Errorf("%v: %s: %v, %v", flags, hash, ok, err)
		}
		if ok, err := passwd.Verify(hash, "open"); err != nil || ok {
			t.Errorf("%v: a wrong password opens %s: %v", flags, hash, err)
		}
		other, err := flags.hash([]byte("open sesame"), bytes.NewReader(make([]byte, saltLength)))
		if err != nil || other == hash {
			t.Errorf("%v: the salt does not count: %s, %v", flags, other, err)
		}
	}
	if _, err := (passwdFlags{"sha512", defaultRounds}).hash([]byte("x"), strings.NewReader("short")); err == nil {
		t.Error("a short salt is taken")
	}
}
