package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"sync"

	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"
)

// A message is:
//
//	16 bytes   what it is about: the id of a collection; zero for accord.db
//	 1 byte    the format, 1
//	16 bytes   the id of the group, drawn where it was proposed
//	           its fields, see fields and message_group.go, compressed with zstd
//	 4 bytes   CRC-32C of all that stands before and of the fields as they are before they are compressed, big-endian
//
// For ever: the same message applied to the same file has the same effect in every version of this program. Whoever changes
// what apply does for a message makes another format; testdata/log holds messages and what each leads to.

// MessageFormat is the newest format of messages that this program reads, and the one that it writes. It reads all before.
const MessageFormat = 1

const (
	headerLen  = 16 + 1 + 16
	messageCRC = 4
)

// MessageHeader is what a message begins with.
type MessageHeader struct {
	About  uuid.UUID // a collection; zero for accord.db
	Format int
	Group  uuid.UUID
}

// A FormatError says that a message has a format that this program does not know. A node that meets one stops applying:
// another version of Accord wrote it.
type FormatError struct{ Format int }

func (e *FormatError) Error() string {
	return fmt.Sprintf("a message of the log has the format %d, this program reads the formats 1 to %d: use the version of Accord that wrote it, or a newer one", e.Format, MessageFormat)
}

// ErrMessage is wrapped by the errors about messages that are not as they were written. Nothing is skipped: the log is damaged.
var ErrMessage = errors.New("a message of the log is damaged")

// HeaderOf reads the beginning of a message. An unknown format is a *FormatError, beside a header that is right.
func HeaderOf(message []byte) (h MessageHeader, err error) {
	if len(message) < headerLen+messageCRC {
		return MessageHeader{}, fmt.Errorf("%w: it has %d bytes", ErrMessage, len(message))
	}
	copy(h.About[:], message)
	h.Format = int(message[16])
	copy(h.Group[:], message[17:])
	if h.Format == 0 || h.Format > MessageFormat {
		return h, &FormatError{h.Format}
	}
	return h, nil
}

// The coders of messages are made on first use.
var (
	messageEncoder = sync.OnceValues(func() (*zstd.Encoder, error) {
		return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false))
	})
	messageDecoder = sync.OnceValues(func() (*zstd.Decoder, error) {
		return zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxMessageText))
	})
)

// encodeMessage makes a message of its fields.
func encodeMessage(about, group uuid.UUID, text []byte) ([]byte, error) {
	enc, err := messageEncoder()
	if err != nil {
		return nil, fmt.Errorf("write a message: %w", err)
	}
	if len(text) > maxMessageText {
		return nil, &TooLargeError{len(text)}
	}
	m := make([]byte, 0, headerLen+len(text)/3+64)
	m = append(m, about[:]...)
	m = append(m, MessageFormat)
	m = append(m, group[:]...)
	m = enc.EncodeAll(text, m)
	m = binary.BigEndian.AppendUint32(m, messageSum(m, text))
	if len(m) > MaxMessage {
		return nil, &TooLargeError{len(m)}
	}
	return m, nil
}

// openMessage returns the header and the fields of a message.
func openMessage(message []byte) (h MessageHeader, text []byte, err error) {
	if h, err = HeaderOf(message); err != nil {
		return h, nil, err
	}
	dec, err := messageDecoder()
	if err != nil {
		return h, nil, fmt.Errorf("read a message: %w", err)
	}
	end := len(message) - messageCRC
	if text, err = dec.DecodeAll(message[headerLen:end], nil); err != nil {
		return h, nil, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	if messageSum(message[:end], text) != binary.BigEndian.Uint32(message[end:]) {
		return h, nil, fmt.Errorf("%w: its checksum is another", ErrMessage)
	}
	return h, text, nil
}

func messageSum(message, text []byte) uint32 {
	return crc32.Update(crc32.Checksum(message, castagnoli), castagnoli, text)
}

// readFields reads the fields of a message by each, which must account for all of them: fields that are written again must
// be the same bytes, so that a message has one spelling.
func readFields(text []byte, each func(*fields)) error {
	in := &fields{reading: true, b: text}
	each(in)
	if err := in.end(); err != nil {
		return fmt.Errorf("%w: %w", ErrMessage, err)
	}
	out := &fields{b: make([]byte, 0, len(text))}
	each(out)
	if out.err != nil || !bytes.Equal(out.b, text) {
		return fmt.Errorf("%w: it is not written as this program writes it", ErrMessage)
	}
	return nil
}

func writeFields(each func(*fields)) ([]byte, error) {
	out := &fields{}
	each(out)
	return out.b, out.err
}
