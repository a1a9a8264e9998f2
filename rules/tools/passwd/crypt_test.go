package passwd

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"github.com/kittyhawk/appliance/rules/judge"
)

// The vectors of https://www.akkadia.org/drepper/SHA-crypt.txt. A hash that
// the C library of the appliance does not agree with locks its user out.
func TestDrepperVectors(t *testing.T) {
	tests := []struct{ hash, password string }{
		{"$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1", "Hello world!"},
		{"$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.", "Hello world!"},
		{"$6$rounds=5000$toolongsaltstrin$lQ8jolhgVRVhY4b5pZKaysCLi0QBxGoNeKQzQ3glMhwllF7oGDZxUhx1yxdYcz/e1JSbq3y6JMxxl8audkUEm0", "This is just a test"},
		{"$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "Hello world!"},
		{"$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA", "Hello world!"},
		{"$5$rounds=5000$toolongsaltstrin$Un/5jzAHMgOGZ5.mWJpuVolil07guHPvOW8mGRcvxa5", "This is just a test"},
		{"$1$abcdefgh$fzmjzFdo5nMtBG8gtud5e0", "Hello world!"}, // from openssl passwd -1
	}
	for _, test := range tests {
		if ok, err := Verify(test.hash, test.password); !ok || err != nil {
			t.Errorf("%s: got %v, %v", test.hash, ok, err)
		}
		if ok, err := Verify(test.hash, test.password+"x"); ok || err != nil {
			t.Errorf("%s with another password: got %v, %v", test.hash, ok, err)
		}
	}
}

func TestHash(t *testing.T) {
	random := []byte("0123456789abcdef rest")
	hash, err := Hash([]byte("secret"), SHA512, DefaultRounds, bytes.NewReader(random))
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckHash(hash); err != nil {
		t.Error(err)
	}
	if ok, err := Verify(hash, "secret"); !ok || err != nil {
		t.Errorf("got %v, %v", ok, err)
	}
	again, err := Hash([]byte("secret"), SHA512, DefaultRounds, strings.NewReader("another 16 bytes"))
	if err != nil || again == hash {
		t.Errorf("another salt gives the same hash (%v)", err)
	}
	if _, err := Hash([]byte("secret"), SHA512, DefaultRounds, strings.NewReader("short")); err == nil {
		t.Error("15 random bytes: no error")
	}
	if _, err := Hash(nil, SHA512, DefaultRounds, bytes.NewReader(random)); err == nil {
		t.Error("empty password: no error")
	}
}

// libxcrypt, which perl calls, is the crypt(3) that appliances log in with.
func TestHashAgreesWithLibxcrypt(t *testing.T) {
	program := judge.Tool(t, "perl")
	for _, password := range []string{"a", "pässwörd", strings.Repeat("long ", 30)} {
		hash, err := Hash([]byte(password), SHA512, DefaultRounds, strings.NewReader("0123456789abcdef"))
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(program, "-e", "print crypt($ARGV[0], $ARGV[1])", password, hash[:strings.LastIndex(hash, "$")])
		want, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if hash != string(want) {
			t.Errorf("%q: got %s, want %s", password, hash, want)
		}
	}
}

const someHash = "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"

func TestParsePassword(t *testing.T) {
	good := []string{
		"*", "!", someHash, "!" + someHash,
		"$1$$fzmjzFdo5nMtBG8gtud5e0",
		"$2b$12$" + strings.Repeat("a", 53),
		"$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7",
	}
	for _, s := range good {
		p, err := ParsePassword(s)
		if err != nil || p.String() != s {
			t.Errorf("%q: got %v, %v", s, p, err)
		}
	}
	bad := map[string]string{
		"":                               `"*"`,
		"secret":                         "`appliance passwd`",
		"!secret":                        "`appliance passwd`",
		"abJnggxhB/yWI":                  "DES",
		"$6$saltstring$svn8UoSVapNtMuq1": "not a whole sha512crypt hash",
		"$6$salt:0:" + someHash[14:]:     "not a whole sha512crypt hash",
		someHash + "\n":                  "not a whole sha512crypt hash",
		someHash + ":0:":                 "not a whole sha512crypt hash",
		"$9$salt$hash":                   "`appliance passwd`",
	}
	for s, want := range bad {
		_, err := ParsePassword(s)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", s, err, want)
		}
		if s != "" && err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error gives the password away: %v", err)
		}
	}
	if p := (Password{}); p.String() != "*" {
		t.Errorf("zero password: got %q, want one that lets nobody in", p)
	}
	if p := EmptyPassword(); p.String() != "" {
		t.Errorf("empty password: got %q", p)
	}
}

func TestVerifyOfOtherMethods(t *testing.T) {
	for _, hash := range []string{"", "*", "secret", "$2b$12$" + strings.Repeat("a", 53)} {
		if ok, err := Verify(hash, "secret"); ok || err == nil {
			t.Errorf("%q: got %v, %v", hash, ok, err)
		}
	}
}

// Each hash opens the account that it was made for, and no other, whatever the
// method and the rounds.
func TestHashMethodsAndRounds(t *testing.T) {
	for _, method := range []Method{SHA512, SHA256} {
		for _, rounds := range []int{DefaultRounds, MinRounds, 1001} {
			hash, err := Hash([]byte("open sesame"), method, rounds, strings.NewReader("0123456789abcdef"))
			if err != nil {
				t.Fatal(err)
			}
			if ok, err := Verify(hash, "open sesame"); err != nil || !ok {
				t.Errorf("%s: %v, %v", hash, ok, err)
			}
			if ok, err := Verify(hash, "open"); err != nil || ok {
				t.Errorf("a wrong password opens %s: %v", hash, err)
			}
		}
	}
	for _, rounds := range []int{0, MinRounds - 1, MaxRounds + 1} {
		if _, err := Hash([]byte("x"), SHA512, rounds, strings.NewReader("0123456789abcdef")); err == nil {
			t.Errorf("%d rounds are taken", rounds)
		}
	}
}
