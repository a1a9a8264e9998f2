// Package passwd makes the account files of an appliance: /etc/passwd, shadow,
// group and gshadow (passwd(5), shadow(5), group(5)), from declared users and
// groups.
//
// It owns the rules that accounts obey (names, ids, password fields, SSH public
// keys), crypt(3) hashes, and the formats that accounts are read from: the four
// files themselves, and Buildroot's table of users. It does not know where the
// files go or who owns them there.
//
// A clear-text password never gets in: a Password is a hash or says that there
// is none.
//
// The SHA-crypt core is github.com/GehirnInc/crypt. It is small, implements
// Drepper's specification step by step and agrees with its published vectors
// (TestDrepperVectors). It cuts long salts and out-of-range rounds in silence;
// so only what CheckHash accepts reaches it.
package passwd
