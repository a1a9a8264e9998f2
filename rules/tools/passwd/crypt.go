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

// Hash makes the $6$ (SHA-512) hash of password with 5000 rounds, the
// default. The salt is taken from random: 16 bytes.
func Hash(password string, random io.Reader) (string, error) {
	if password == "" {
		return "", errors.New("password: empty")
	}
	salt := make([]byte, saltLength)
	if _, err := io.ReadFull(random, salt); err != nil {
		return "", fmt.Errorf("salt: %w", err)
	}
	for i, b := range salt {
		salt[i] = saltChars[b%64]
	}
	return sha512_crypt.New().Generate([]byte(password), append([]byte("$6$"), salt...))
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
