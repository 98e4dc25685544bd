package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

func main() {
	program := flag.String("program", "", "the program for Linux")
	notices := flag.String("notices", "", "the licences of what is in it")
	arch := flag.String("arch", "amd64", "its architecture")
	version := flag.String("version", "latest", "the image's tag")
	out := flag.String("out", "", "the tar file to write")
	flag.Parse()
	if err := build(*program, *notices, *arch, *version, *out); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

// user is who runs in the image: nobody, in the number that distroless images use.
const user = 65532

// file is a file or, without text, a folder of a tar file.
type file struct {
	name   string
	mode   int64
	owner  int
	text   []byte
	folder bool
}

// pack returns a tar file. Times are the epoch, so that the same files give the same bytes.
func pack(files []file) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Mode: f.mode, Uid: f.owner, Gid: f.owner, Size: int64(len(f.text)), ModTime: time.Unix(0, 0), Typeflag: tar.TypeReg, Format: tar.FormatUSTAR}
		if f.folder {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.text); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return b.Bytes(), err
}

// The media types of an image (OCI image specification 1.1).
const (
	layerType    = "application/vnd.oci.image.layer.v1.tar"
	configType   = "application/vnd.oci.image.config.v1+json"
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	indexType    = "application/vnd.oci.image.index.v1+json"
)

// descriptor names a blob.
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Platform    map[string]string `json:"platform,omitempty"`
}

// blobs collects the files of a layout.
type blobs struct{ files []file }

func (b *blobs) add(mediaType string, text []byte) descriptor {
	sum := sha256.Sum256(text)
	digest := hex.EncodeToString(sum[:])
	b.files = append(b.files, file{name: "blobs/sha256/" + digest, mode: 0o644, text: text})
	return descriptor{MediaType: mediaType, Digest: "sha256:" + digest, Size: len(text)}
}

func (b *blobs) addJSON(mediaType string, v any) (descriptor, error) {
	text, err := json.Marshal(v)
	return b.add(mediaType, text), err
}

type object map[string]any

func build(program, notices, arch, version, out string) error {
	text, err := os.ReadFile(program)
	if err != nil {
		return fmt.Errorf("read the program: %w", err)
	}
	licences, err := os.ReadFile(notices)
	if err != nil {
		return fmt.Errorf("read the licences: %w", err)
	}
	layer, err := pack([]file{
		{name: "accord", mode: 0o755, text: text}, {name: "THIRD-PARTY-NOTICES.txt", mode: 0o644, text: licences},
		{name: "data/", mode: 0o700, owner: user, folder: true}, {name: "tmp/", mode: 0o1777, folder: true},
	})
	if err != nil {
		return err
	}
	var all blobs
	layerAt := all.add(layerType, layer)
	config, err := all.addJSON(configType, object{
		"created": "1970-01-01T00:00:00Z", "architecture": arch, "os": "linux",
		"config": object{"User": fmt.Sprintf("%d:%d", user, user), "Entrypoint": []string{"/accord"}, "Cmd": []string{"help"},
			"ExposedPorts": object{"6443/tcp": object{}}, "Volumes": object{"/data": object{}},
			"Labels": map[string]string{"org.opencontainers.image.title": "Accord", "org.opencontainers.image.version": version}},
		"rootfs":  object{"type": "layers", "diff_ids": []string{layerAt.Digest}},
		"history": []object{{"created": "1970-01-01T00:00:00Z", "created_by": "internal/image"}},
	})
	if err != nil {
		return err
	}
	manifest, err := all.addJSON(manifestType, object{"schemaVersion": 2, "mediaType": manifestType, "config": config, "layers": []descriptor{layerAt}})
	if err != nil {
		return err
	}
	manifest.Annotations = map[string]string{"org.opencontainers.image.ref.name": version, "io.containerd.image.name": "accord:" + version}
	manifest.Platform = map[string]string{"architecture": arch, "os": "linux"}
	index, err := json.Marshal(object{"schemaVersion": 2, "mediaType": indexType, "manifests": []descriptor{manifest}})
	if err != nil {
		return err
	}
	loaded, err := json.Marshal([]object{{"Config": "blobs/sha256/" + config.Digest[len("sha256:"):], "RepoTags": []string{"accord:" + version},
		"Layers": []string{"blobs/sha256/" + layerAt.Digest[len("sha256:"):]}}}) // what docker load reads
	if err != nil {
		return err
	}
	whole, err := pack(append(all.files, file{name: "oci-layout", mode: 0o644, text: []byte(`{"imageLayoutVersion":"1.0.0"}`)},
		file{name: "index.json", mode: 0o644, text: index}, file{name: "manifest.json", mode: 0o644, text: loaded}))
	if err != nil {
		return err
	}
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, bytes.NewReader(whole))
	return errors.Join(err, f.Close())
}
