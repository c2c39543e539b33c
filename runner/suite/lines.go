package suite

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// maxMessage bounds one message of a guest in bytes. The evidence of a case is
// by far the longest, and a few hundred kilobytes.
const maxMessage = 4 << 20

var errLongMessage = errors.New("a message of more than 4 MiB")

// readLines calls line for each whole line of r, which it does not keep, until
// r ends. What stands behind the last newline is the beginning of a message
// that its sender did not live to finish.
func readLines(r io.Reader, line func([]byte)) error {
	in := bufio.NewReaderSize(r, 64<<10)
	var whole []byte
	for {
		part, err := in.ReadSlice('\n')
		whole = append(whole, part...)
		switch {
		case len(whole) > maxMessage:
			return errLongMessage
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil:
			return nil // however a guest goes, its other ports tell
		}
		line(whole)
		whole = whole[:0]
	}
}

// decode decodes one message. Unknown fields are an error: the guest
// is made from the same source.
func decode(line []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("more than one value in a line")
	}
	return nil
}
