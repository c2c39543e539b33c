package guest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sync"

	"netdev.test/teardown/initramfs/verdict"
	"netdev.test/teardown/initramfs/wire"
)

// channel is the connection to the host, [wire.CasePort].
type channel struct {
	mu     sync.Mutex
	out    *json.Encoder
	grants *json.Decoder
}

func openChannel() *channel {
	f := os.NewFile(wire.CaseFD, wire.CasePort)
	return &channel{out: json.NewEncoder(f), grants: json.NewDecoder(bufio.NewReader(f))}
}

// send tells the host something. A host that does not listen any more ends the
// guest: there is nobody left to run for.
func (c *channel) send(m wire.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.out.Encode(m); err != nil {
		panic(fmt.Sprintf("tell the host: %v", err))
	}
}

// ready tells the host that the tests can begin, and waits until they may.
func (c *channel) ready() wire.Begin {
	c.send(wire.Message{Type: wire.Ready})
	var b wire.Begin
	if err := c.grants.Decode(&b); err != nil {
		panic(fmt.Sprintf("read the host's word to begin: %v", err))
	}
	return b
}

// claim asks whether the case is this guest's to run.
func (c *channel) claim(about verdict.Case) bool {
	c.send(wire.Message{Type: wire.Claim, Test: about.Name, Case: &about})
	var g wire.Grant
	if err := c.grants.Decode(&g); err != nil {
		panic(fmt.Sprintf("read the host's answer to a claim: %v", err))
	}
	return g.Granted
}
