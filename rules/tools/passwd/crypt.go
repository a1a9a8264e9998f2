package passwd

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/GehirnInc/crypt"
	"github.com/GehirnInc/crypt/md5_crypt"
	"github.com/GehirnInc/crypt/sha256_crypt"
	"github.com/GehirnInc/crypt/sha512_crypt"
)

// saltChars are the 64 characters of crypt(3); saltLength is the longest salt
// of SHA-crypt.
const (
	saltChars  = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	saltLength = 16
)

// Method is a crypt(3) hash that Hash makes.
type Method string

const (
	SHA512 Method = "$6$" // the one to use
	SHA256 Method = "$5$"
)

// The rounds of SHA-crypt: what is used unless the hash says so, and the limits
// (https://www.akkadia.org/drepper/SHA-crypt.txt).
const (
	DefaultRounds = 5000
	MinRounds     = 1000
	MaxRounds     = 999_999_999
)

// Hash makes the crypt(3) hash of password. Each round takes as much longer, at
// every login too. The salt is taken from random: 16 bytes.
func Hash(password []byte, method Method, rounds int, random io.Reader) (string, error) {
	if len(password) == 0 {
		return "", errors.New("password: empty")
	}
	if rounds < MinRounds || rounds > MaxRounds {
		return "", fmt.Errorf("password: got %d rounds, want %d to %d", rounds, MinRounds, MaxRounds)
	}
	salt := []byte(method)
	if rounds != DefaultRounds {
		salt = fmt.Appendf(salt, "rounds=%d$", rounds)
	}
	raw := make([]byte, saltLength)
	if _, err := io.ReadFull(random, raw); err != nil {
		return "", fmt.Errorf("salt: %w", err)
	}
	for _, b := range raw {
		salt = append(salt, saltChars[b%64])
	}
	crypter, err := crypterOf(string(method))
	if err != nil {
		return "", err
	}
	return crypter.Generate(password, salt)
}

// Verify reports whether password belongs to hash, a $1$, $5$ or $6$ hash. The
// error tells that hash is something else.
func Verify(hash, password string) (bool, error) {
	if err := CheckHash(hash); err != nil {
		return false, err
	}
	crypter, err := crypterOf(hash)
	if err != nil {
		return false, err
	}
	salt := hash[:strings.LastIndexByte(hash, '$')]
	got, err := crypter.Generate([]byte(password), []byte(salt))
	if err != nil {
		return false, fmt.Errorf("password: %w", err)
	}
	return subtle.ConstantTimeCompare([]byte(got), []byte(hash)) == 1, nil
}

func crypterOf(hash string) (crypt.Crypter, error) {
	switch hash[:3] {
	case "$1$":
		return md5_crypt.New(), nil
	case "$5$":
		return sha256_crypt.New(), nil
	case "$6$":
		return sha512_crypt.New(), nil
	}
	return nil, fmt.Errorf("password: a hash that begins with %s can be used but not be verified here", hash[:3])
}
