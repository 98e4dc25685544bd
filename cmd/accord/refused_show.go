package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
)

func newRefusedShow(e *env, t *target) *cobra.Command {
	return reports(e, t, &cobra.Command{
		Use:   "show AGREEMENT KEY",
		Short: "Show a refused object, and why it was refused",
		Long: `Shows one refused object with the reason. accord refused list shows the keys. On
a server, this is noted among the agreement's deliveries.`,
		Example: "  accord refused show gsp 7c1d0f6e2b9a4c35800e5d1fa6b3c2d4 --data /var/lib/accord",
		Args:    exactArgs("AGREEMENT", "KEY"),
	}, func(ctx context.Context, ad *admin.Client, args []string) (admin.RefusedText, error) {
		return ad.RefusedText(ctx, agreement.Name(args[0]), args[1])
	}, func(w io.Writer, r admin.RefusedText) error {
		fmt.Fprintf(w, "%s, sent by %s of %s, refused %s, kept until %s\n", r.Key, r.Account, r.Party, moment(r.At), moment(r.Until))
		fmt.Fprintf(w, "%s: %s\n\n", r.Rule, printable(r.Message))
		var text bytes.Buffer
		if err := json.Indent(&text, r.Text, "", "  "); err != nil {
			return err
		}
		for line := range strings.Lines(text.String()) {
			fmt.Fprintln(w, printable(strings.TrimSuffix(line, "\n")))
		}
		return nil
	})
}
