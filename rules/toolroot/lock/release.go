package lock

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/kittyhawk/appliance/engine/digest"
)

// Keyring is the public keys that are trusted.
type Keyring struct{ keys openpgp.EntityList }

// ParseKeyring reads OpenPGP public keys, binary or as one ASCII armour.
func ParseKeyring(b []byte) (Keyring, error) {
	read := openpgp.ReadKeyRing
	if bytes.HasPrefix(bytes.TrimSpace(b), []byte("-----BEGIN")) {
		read = openpgp.ReadArmoredKeyRing
	}
	keys, err := read(bytes.NewReader(b))
	if err != nil {
		return Keyring{}, fmt.Errorf("keyring: %w", err)
	}
	if len(keys) == 0 {
		return Keyring{}, fmt.Errorf("keyring: holds no keys")
	}
	return Keyring{keys}, nil
}

// Release is a verified Release file: what an archive says about one suite.
type Release struct {
	Suite, Codename string
	Date            time.Time
	ValidUntil      time.Time // zero if it has no end
	ByHash          bool      // indices can be had by their digest
	Files           map[string]digest.Digest
}

// Verify reads an InRelease file: a Release file inside of its signature
// (RFC 9580, 7). One good signature by a key of the keyring, not expired at the
// time now, is enough.
func Verify(inRelease []byte, keys Keyring, now time.Time) (*Release, error) {
	block, _ := clearsign.Decode(inRelease)
	if block == nil {
		return nil, fmt.Errorf("InRelease: begins with %.40q, want a signed message", inRelease)
	}
	if _, err := block.VerifySignature(keys.keys, config(now)); err != nil {
		return nil, signatureError("InRelease", err)
	}
	return parseRelease(block.Bytes, now)
}

// VerifyDetached reads a Release file and its signature Release.gpg.
func VerifyDetached(release, signature []byte, keys Keyring, now time.Time) (*Release, error) {
	packets := signature
	if block, err := armor.Decode(bytes.NewReader(signature)); err == nil {
		var b bytes.Buffer
		if _, err := b.ReadFrom(block.Body); err != nil {
			return nil, signatureError("Release.gpg", err)
		}
		packets = b.Bytes()
	}
	if _, err := openpgp.CheckDetachedSignature(keys.keys, bytes.NewReader(release), bytes.NewReader(packets), config(now)); err != nil {
		return nil, signatureError("Release.gpg", err)
	}
	return parseRelease(release, now)
}

func config(now time.Time) *packet.Config {
	return &packet.Config{Time: func() time.Time { return now }}
}

func signatureError(file string, err error) error {
	return fmt.Errorf("%s: no good signature by a key of the keyring: %w", file, err)
}

// clockSkew is how far a Release file may be ahead of our clock.
const clockSkew = 24 * time.Hour

func parseRelease(b []byte, now time.Time) (*Release, error) {
	var r *Release
	err := stanzas(b, func(fields func(string) []byte) (err error) {
		if r != nil {
			return fmt.Errorf("two paragraphs, want one")
		}
		r, err = newRelease(fields)
		return err
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("Release: %w", err)
	case r == nil:
		return nil, fmt.Errorf("Release: is empty")
	case r.Date.After(now.Add(clockSkew)):
		return nil, fmt.Errorf("Release: is of %s, and it is only %s; set the clock", stamp(r.Date), stamp(now))
	case !r.ValidUntil.IsZero() && now.After(r.ValidUntil):
		return nil, fmt.Errorf("Release: was valid until %s, and it is %s; use a mirror that is up to date", stamp(r.ValidUntil), stamp(now))
	}
	return r, nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func newRelease(fields func(string) []byte) (*Release, error) {
	r := &Release{
		Suite:    string(fields("Suite")),
		Codename: string(fields("Codename")),
		ByHash:   string(fields("Acquire-By-Hash")) == "yes",
		Files:    map[string]digest.Digest{},
	}
	var err error
	if r.Date, err = parseDate(fields("Date")); err != nil {
		return nil, fmt.Errorf("Date: %w", err)
	}
	if until := fields("Valid-Until"); until != nil {
		if r.ValidUntil, err = parseDate(until); err != nil {
			return nil, fmt.Errorf("Valid-Until: %w", err)
		}
	}
	for _, line := range strings.Split(string(fields("SHA256")), "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		parts := strings.Fields(line)
		if len(parts) != 3 {
			return nil, fmt.Errorf("SHA256: got %q, want digest, size, path", line)
		}
		if r.Files[parts[2]], err = parseDigest(parts[0], parts[1]); err != nil {
			return nil, fmt.Errorf("SHA256: %s: %w", parts[2], err)
		}
	}
	return r, nil
}

func parseDigest(hash, size string) (digest.Digest, error) {
	n, err := strconv.ParseInt(size, 10, 64)
	if err != nil {
		return digest.Digest{}, fmt.Errorf("size %q: want a number", size)
	}
	return digest.New(hash, n)
}

// parseDate reads the form of RFC 5322, where Debian writes UTC for the zone.
func parseDate(b []byte) (time.Time, error) {
	for _, layout := range []string{"Mon, _2 Jan 2006 15:04:05 MST", "Mon, _2 Jan 2006 15:04:05 -0700"} {
		t, err := time.Parse(layout, string(b))
		if err != nil {
			continue
		}
		if name, offset := t.Zone(); offset == 0 && name != "UTC" && name != "GMT" && name != "" {
			continue
		}
		return t.UTC(), nil
	}
	return time.Time{}, fmt.Errorf("got %q, want a date such as Sat, 11 Jul 2026 10:16:37 UTC", b)
}
