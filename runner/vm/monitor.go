package vm

import (
	"encoding/json"
	"fmt"
	"net"
	"sync"
)

// monitor speaks QEMU's machine protocol (docs/interop/qmp-spec in QEMU): one
// JSON value at a time, a greeting, then commands and their answers with
// events between them.
type monitor struct {
	mu   sync.Mutex
	conn net.Conn
	dec  *json.Decoder
}

// answer is any of the values that QEMU sends.
type answer struct {
	QMP    json.RawMessage `json:"QMP"`
	Event  string          `json:"event"`
	Return json.RawMessage `json:"return"`
	Error  *struct {
		Class string `json:"class"`
		Desc  string `json:"desc"`
	} `json:"error"`
}

func newMonitor(conn net.Conn) *monitor {
	return &monitor{conn: conn, dec: json.NewDecoder(conn)}
}

// handshake returns when QEMU is ready for commands. It answers from its main
// loop, so by then it has the kernel, the accelerator and all devices.
func (m *monitor) handshake() error {
	var greeting answer
	if err := m.dec.Decode(&greeting); err != nil {
		return fmt.Errorf("monitor: %w", err)
	}
	if greeting.QMP == nil {
		return fmt.Errorf("monitor: greeting without QMP")
	}
	return m.execute("qmp_capabilities")
}

// execute runs a command that has no arguments.
func (m *monitor) execute(command string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := json.NewEncoder(m.conn).Encode(map[string]string{"execute": command}); err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	for {
		var a answer
		if err := m.dec.Decode(&a); err != nil {
			return fmt.Errorf("%s: %w", command, err)
		}
		switch {
		case a.Error != nil:
			return fmt.Errorf("%s: %s", command, a.Error.Desc)
		case a.Return != nil:
			return nil
		}
	}
}

func (m *monitor) close() { m.conn.Close() }
