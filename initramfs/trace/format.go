package trace

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// A format says how an event is laid out in the trace buffer, as the file format
// of its folder tells (Documentation/trace/events.rst).
type format struct {
	event  string
	id     uint16
	fields []field
}

// field is a number in an event.
type field struct {
	name   string
	offset int
	size   int // 1, 2, 4 or 8 bytes
	signed bool
}

// commonFields and probeFields begin the names of what every event, and every
// probe, has beside its own arguments.
const (
	commonFields = "common_"
	probeFields  = "__probe_"
)

// fieldLine is one field: "	field:u64 dev;	offset:16;	size:8;	signed:0;".
var fieldLine = regexp.MustCompile(`^\tfield:(.*?)(\w+)(\[.*\])?;\s+offset:(\d+);\s+size:(\d+);\s+signed:(\d);`)

// readFormat reads the format of the event whose folder is dir.
func readFormat(dir string) (format, error) {
	text, err := os.ReadFile(filepath.Join(dir, "format"))
	if err != nil {
		return format{}, fmt.Errorf("ask for the layout of an event: %w", err)
	}
	f, err := parseFormat(string(text))
	if err != nil {
		return f, fmt.Errorf("%s: %w", dir, err)
	}
	return f, nil
}

// parseFormat decodes the file format of an event. Fields that are no number are
// left out.
func parseFormat(text string) (format, error) {
	var f format
	for line := range strings.Lines(text) {
		if name, ok := strings.CutPrefix(line, "name: "); ok {
			f.event = strings.TrimSpace(name)
		}
		if number, ok := strings.CutPrefix(line, "ID: "); ok {
			id, err := strconv.ParseUint(strings.TrimSpace(number), 10, 16)
			if err != nil {
				return f, fmt.Errorf("%w: %q", ErrMalformed, line)
			}
			f.id = uint16(id)
		}
		if m := fieldLine.FindStringSubmatch(line); m != nil {
			f.add(m)
		}
	}
	if f.event == "" || f.id == 0 {
		return f, fmt.Errorf("%w: a layout without name and number", ErrMalformed)
	}
	return f, nil
}

// add adds the field that a line describes.
func (f *format) add(m []string) {
	typ, name, array := m[1], m[2], m[3]
	size, _ := strconv.Atoi(m[5]) // the expression matched digits
	offset, _ := strconv.Atoi(m[4])
	switch {
	case strings.HasPrefix(name, commonFields), strings.HasPrefix(name, probeFields), array != "", strings.HasPrefix(typ, "__data_loc"):
		return
	case size != 1 && size != 2 && size != 4 && size != 8:
		return
	}
	f.fields = append(f.fields, field{name: name, offset: offset, size: size, signed: m[6] == "1"})
}

// args decodes the fields of a record.
func (f format) args(record []byte) (map[string]int64, error) {
	args := make(map[string]int64, len(f.fields))
	for _, x := range f.fields {
		if x.offset+x.size > len(record) {
			return nil, fmt.Errorf("%w: %s of %s is not in %d bytes", ErrMalformed, x.name, f.event, len(record))
		}
		args[x.name] = x.value(record[x.offset:])
	}
	return args, nil
}

// value reads the field from the beginning of b.
func (x field) value(b []byte) int64 {
	switch x.size {
	case 1:
		if x.signed {
			return int64(int8(b[0]))
		}
		return int64(b[0])
	case 2:
		v := binary.NativeEndian.Uint16(b)
		if x.signed {
			return int64(int16(v))
		}
		return int64(v)
	case 4:
		v := binary.NativeEndian.Uint32(b)
		if x.signed {
			return int64(int32(v))
		}
		return int64(v)
	}
	return int64(binary.NativeEndian.Uint64(b))
}
