package agreement

import (
	"errors"
	"fmt"
)

// MaxName is the longest name, in bytes.
const MaxName = 64

// CheckName returns an error unless s can name a party, an account, an API root or an agreement: lower-case letters,
// digits, hyphen, dot and underscore, the first a letter or digit. Such a name needs no escaping in a URL, a file name
// or a log line.
func CheckName(s string) error {
	if s == "" {
		return errors.New("the name is empty")
	}
	if len(s) > MaxName {
		return fmt.Errorf("the name has %d characters, more than %d", len(s), MaxName)
	}
	for i, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= '0' && r <= '9'
		if !letter && (i == 0 || r != '-' && r != '.' && r != '_') {
			return fmt.Errorf("the name %q may hold lower-case letters, digits, hyphen, dot and underscore, and starts with a letter or digit", s)
		}
	}
	return nil
}
