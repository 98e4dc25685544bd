package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"os"
)

// SendFile writes the file of a collection, as it is at this moment, to w: its length, 8 bytes, its content, and the SHA-256 of
// the content. ReceiveFile reads that. Reads and writes go on meanwhile.
func (c *Collection) SendFile(ctx context.Context, w io.Writer) error {
	if err := c.sendFile(ctx, w); err != nil {
		return fmt.Errorf("send the file of collection %s: %w", c.id, err)
	}
	return nil
}

func (c *Collection) sendFile(ctx context.Context, w io.Writer) error {
	f := c.use()
	defer f.leave()
	s, err := f.db.Snapshot()
	if err != nil {
		return err
	}
	defer s.Close()
	if err := binary.Write(w, binary.BigEndian, uint64(s.Tx.Size())); err != nil {
		return err
	}
	sum := sha256.New()
	if n, err := s.WriteTo(&hashedWriter{w: w, sum: sum, ctx: ctx}); err != nil || n != s.Tx.Size() {
		return fmt.Errorf("%d bytes of %d: %w", n, s.Tx.Size(), err)
	}
	_, err = w.Write(sum.Sum(nil))
	return err
}

// ReceiveFile writes what SendFile sends to a file that must not exist yet, and makes it durable. A file that did not come whole,
// or not as it was sent, is removed.
func ReceiveFile(ctx context.Context, r io.Reader, to string) error {
	var size uint64
	err := binary.Read(r, binary.BigEndian, &size)
	if err == nil {
		var got BackupFile
		sum := sha256.New()
		if got, err = writeNew(ctx, to, io.TeeReader(io.LimitReader(r, int64(size)), sum), func(int64) {}); err == nil {
			want := make([]byte, sha256.Size)
			if _, err = io.ReadFull(r, want); err == nil && (uint64(got.Size) != size || string(sum.Sum(nil)) != string(want)) {
				err = fmt.Errorf("it did not come as it was sent")
			}
		}
	}
	if err != nil {
		os.Remove(to)
		return fmt.Errorf("receive a file: %w", err)
	}
	return nil
}
