package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

//go:embed static
var staticFiles embed.FS

// file is a script or a style sheet. Its address has its hash, so that browsers may keep it for ever.
type file struct {
	mediaType   string
	plain, gzip []byte
}

// files are those that pages refer to, by the end of their address: HASH/NAME.
var files = sync.OnceValues(func() (byAddress map[string]file, addresses map[string]string) {
	byAddress, addresses = map[string]file{}, map[string]string{}
	err := fs.WalkDir(staticFiles, "static", func(name string, d fs.DirEntry, err error) error {
		kind := mime.TypeByExtension(path.Ext(name))
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".js") && !strings.HasSuffix(name, ".css") && !strings.HasSuffix(name, ".svg") {
			return err
		}
		text, err := staticFiles.ReadFile(name)
		if err != nil {
			return err
		}
		packed := new(bytes.Buffer)
		z, _ := gzip.NewWriterLevel(packed, gzip.BestCompression) // the level is a valid one
		z.Write(text)                                             // a buffer takes all
		z.Close()
		sum := sha256.Sum256(text)
		address := hex.EncodeToString(sum[:8]) + "/" + path.Base(name)
		byAddress[address] = file{mediaType: kind, plain: text, gzip: packed.Bytes()}
		addresses[path.Base(name)] = Prefix + "static/" + address
		return nil
	})
	if err != nil {
		panic(fmt.Sprintf("read the built-in files: %v", err))
	}
	return byAddress, addresses
})

// asset returns the address of a file.
func asset(name string) (string, error) {
	_, addresses := files()
	address, ok := addresses[name]
	if !ok {
		return "", fmt.Errorf("there is no file %s", name)
	}
	return address, nil
}

// serveStatic serves a file.
func serveStatic(w http.ResponseWriter, r *http.Request) {
	byAddress, _ := files()
	f, ok := byAddress[strings.TrimPrefix(r.URL.Path, Prefix+"static/")]
	if !ok || r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.Error(w, "there is no such file", http.StatusNotFound)
		return
	}
	h, body := w.Header(), f.plain
	h.Set("Content-Type", f.mediaType)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = f.gzip
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodGet {
		w.Write(body)
	}
}
