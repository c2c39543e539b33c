package vm

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// monitor speaks QEMU's machine protocol (docs/interop/qmp-spec in QEMU): one
// JSON value at a time, a greeting, then commands and their answers with
// events between them.
type monitor struct {
	mu   sync.Mutex
	conn *net.UnixConn
	dec  *json.Decoder
}

// answer is any of the values that QEMU sends.
type answer struct {
	QMP   json.RawMessage `json:"QMP"`
	Event string          `json:"event"`
	Data  struct {
		Status string `json:"status"` // of MIGRATION
	} `json:"data"`
	Return json.RawMessage `json:"return"`
	Error  *struct {
		Class string `json:"class"`
		Desc  string `json:"desc"`
	} `json:"error"`
}

func newMonitor(conn *net.UnixConn) *monitor {
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

// execute runs a command that has no arguments, and whose answer says nothing.
func (m *monitor) execute(command string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, err := m.run(command, nil)
	return err
}

// run runs a command for the caller that has the lock, and returns its answer.
func (m *monitor) run(command string, arguments map[string]any, files ...*os.File) (json.RawMessage, error) {
	request := map[string]any{"execute": command}
	if arguments != nil {
		request["arguments"] = arguments
	}
	if err := m.send(request, files); err != nil {
		return nil, fmt.Errorf("%s: %w", command, err)
	}
	for {
		var a answer
		if err := m.dec.Decode(&a); err != nil {
			return nil, fmt.Errorf("%s: %w", command, err)
		}
		switch {
		case a.Error != nil:
			return nil, fmt.Errorf("%s: %s", command, a.Error.Desc)
		case a.Return != nil:
			return a.Return, nil
		}
	}
}

// send sends a request, and files that QEMU inherits with it.
func (m *monitor) send(request any, files []*os.File) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	var fds []int
	for _, f := range files {
		fds = append(fds, int(f.Fd()))
	}
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	_, _, err = m.conn.WriteMsgUnix(body, rights, nil)
	return err
}

// save writes the state of the machine to the file, and has the machine go on, which a
// migration would end. A guest that was stopped before would be stopped when it goes on
// elsewhere. By default QEMU spares the network, and a guest that cannot stand still for
// long.
func (m *monitor) save(file *os.File) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range []struct {
		command   string
		arguments map[string]any
		files     []*os.File
	}{
		{"migrate-set-capabilities", map[string]any{"capabilities": []map[string]any{{"capability": "events", "state": true}}}, nil},
		{"migrate-set-parameters", map[string]any{
			"max-bandwidth":  int64(1) << 40, // bytes in a second
			"downtime-limit": 60_000,         // ms
		}, nil},
		{"getfd", map[string]any{"fdname": "snapshot"}, []*os.File{file}},
		{"migrate", map[string]any{"uri": "fd:snapshot"}, nil},
	} {
		if _, err := m.run(c.command, c.arguments, c.files...); err != nil {
			return err
		}
	}
	if err := m.migrated(); err != nil {
		return err
	}
	_, err := m.run("cont", nil)
	return err
}

// migrated waits for the end of a migration. The machine can go on a moment after the
// event that tells of it (migration_iteration_finish() in migration/migration.c), which
// no event tells.
func (m *monitor) migrated() error {
	for done := false; !done; {
		var a answer
		if err := m.dec.Decode(&a); err != nil {
			return fmt.Errorf("wait for the end of the migration: %w", err)
		}
		if a.Event == "MIGRATION" && a.Data.Status == "failed" {
			return errors.New("the migration failed")
		}
		done = a.Event == "MIGRATION" && a.Data.Status == "completed"
	}
	for {
		text, err := m.run("query-status", nil)
		if err != nil {
			return err
		}
		var state struct {
			Status string `json:"status"`
		}
		if err := json.Unmarshal(text, &state); err != nil || state.Status == "postmigrate" {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

func (m *monitor) close() { m.conn.Close() }
