package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/auth"
)

// passwordFlags are the sources of a new password: never the command line, which every process can read.
type passwordFlags struct {
	file string
	hash string // of the password; "" when none is given
}

// add adds the flags to cmd, which then reads the password before it opens anything.
func (p *passwordFlags) add(e *env, cmd *cobra.Command) {
	cmd.PreRunE = func(*cobra.Command, []string) (err error) {
		p.hash, err = p.read(e)
		return err
	}
	cmd.Flags().StringVar(&p.file, "password-file", "", "`FILE` with the password; - is standard input; else $ACCORD_NEW_PASSWORD")
}

// read reads the password and makes its hash.
func (p *passwordFlags) read(e *env) (string, error) {
	var text string
	switch {
	case p.file == "-":
		line, err := bufio.NewReader(io.LimitReader(e.stdin, 1<<16)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read the password: %w", err)
		}
		text = line
	case p.file != "":
		b, err := os.ReadFile(p.file)
		if err != nil {
			return "", fmt.Errorf("read the password: %w", err)
		}
		text = string(b)
	default:
		text = e.getenv("ACCORD_NEW_PASSWORD")
	}
	if text = strings.TrimRight(text, "\r\n"); text == "" {
		return "", nil
	}
	return auth.HashPassword(text)
}

func newAccountPassword(e *env, t *target) *cobra.Command {
	var password passwordFlags
	cmd := reports(e, t, &cobra.Command{
		Use:   "password NAME",
		Short: "Give an account another password",
		Long: `Gives an account another password. The old one stops working with the next
request. The password is read from a file, from standard input (--password-file -)
or from $ACCORD_NEW_PASSWORD; only its hash leaves this process.`,
		Example: "  accord account password vendor-push --password-file vendor.pw --data /var/lib/accord",
		Args:    exactArgs("NAME"),
	}, func(ctx context.Context, ad *admin.Client, args []string) (admin.Account, error) {
		if password.hash == "" {
			return admin.Account{}, usageError("there is no password: give --password-file or set ACCORD_NEW_PASSWORD")
		}
		return ad.SetPassword(ctx, args[0], password.hash)
	}, writeAccount)
	password.add(e, cmd)
	return cmd
}
