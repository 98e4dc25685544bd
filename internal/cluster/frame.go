package cluster

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// A frame on a connection: the length of its content and the CRC-32C of it, 4 bytes each, then the content.
const (
	frameHead = 8
	maxFrame  = maxProposal + maxMessage + 1<<20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errFrame says that what came is no frame. The connection is closed.
var errFrame = errors.New("what came is damaged")

func writeFrame(w io.Writer, content []byte) error {
	var head [frameHead]byte
	binary.BigEndian.PutUint32(head[:], uint32(len(content)))
	binary.BigEndian.PutUint32(head[4:], crc32.Checksum(content, castagnoli))
	if _, err := w.Write(head[:]); err != nil {
		return err
	}
	_, err := w.Write(content)
	return err
}

// readFrame reads a frame. Memory is taken as the content comes, not as its length says.
func readFrame(r *bufio.Reader) ([]byte, error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	length := int(binary.BigEndian.Uint32(head[:]))
	if length == 0 || length > maxFrame {
		return nil, fmt.Errorf("%w: a frame of %d bytes", errFrame, length)
	}
	const step = 1 << 20
	content := make([]byte, 0, min(length, step))
	for len(content) < length {
		n := min(length-len(content), step)
		at := len(content)
		content = append(content, make([]byte, n)...)
		if _, err := io.ReadFull(r, content[at:]); err != nil {
			return nil, err
		}
	}
	if crc32.Checksum(content, castagnoli) != binary.BigEndian.Uint32(head[4:]) {
		return nil, fmt.Errorf("%w: a checksum is wrong", errFrame)
	}
	return content, nil
}
