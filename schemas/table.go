package schemas

import (
	"encoding/binary"
	"math/bits"

	"github.com/accord-taxii/accord/stix/ijson"
)

// nameTable finds the slot of a property by its name. It is a hash table without collisions: making it searches for a
// suitable multiplier.
type nameTable struct {
	names      []string // by slot
	slots      map[string]int
	multiplier uint64
	shift      uint
	cells      []nameCell
}

// nameCell is a name and its first and last eight bytes, which distinguish most names without a full comparison.
type nameCell struct {
	head, tail uint64
	name       string
	slot       int // -1: an empty cell
}

func newNameTable(names []string) *nameTable {
	n := &nameTable{names: names, slots: make(map[string]int, len(names))}
	for slot, name := range names {
		n.slots[name] = slot
	}
	for size := uint(bits.Len(uint(len(names)))) + 1; ; size++ {
		n.shift = 64 - size
		for try := uint64(1); try <= 1000; try++ {
			n.multiplier = try*0x9E3779B97F4A7C15 | 1
			if n.fill(1 << size) {
				return n
			}
		}
	}
}

// fill makes the cells and reports whether each name has its own.
func (n *nameTable) fill(size int) bool {
	n.cells = make([]nameCell, size)
	for i := range n.cells {
		n.cells[i].slot = -1
	}
	for slot, name := range n.names {
		head, tail := ends([]byte(name))
		cell := &n.cells[n.hash(head, tail, len(name))]
		if cell.slot >= 0 {
			return false
		}
		*cell = nameCell{head, tail, name, slot}
	}
	return true
}

func (n *nameTable) hash(head, tail uint64, length int) uint64 {
	return (head ^ bits.RotateLeft64(tail, 29) ^ uint64(length)<<7) * n.multiplier >> n.shift
}

// ends returns the first and the last eight bytes of a name, or the whole name and zero if it has at most eight bytes.
func ends(name []byte) (head, tail uint64) {
	if len(name) > 8 {
		return binary.LittleEndian.Uint64(name), binary.LittleEndian.Uint64(name[len(name)-8:])
	}
	for i, c := range name {
		head |= uint64(c) << (8 * i)
	}
	return head, 0
}

// find returns the slot of the name at node i, or -1.
func (n *nameTable) find(t *ijson.Tree, i uint32) int {
	node := &t.Nodes[i]
	var name []byte
	var head, tail uint64
	if start := node.Start + 1; !node.Escaped && int(start)+8 <= len(t.Text) {
		name = t.Text[start : node.End-1]
		head = binary.LittleEndian.Uint64(t.Text[start:])
		if length := len(name); length > 8 {
			tail = binary.LittleEndian.Uint64(name[length-8:])
		} else {
			head &= 1<<(8*length) - 1
		}
	} else {
		name = t.Bytes(int(i))
		head, tail = ends(name)
	}
	cell := &n.cells[n.hash(head, tail, len(name))]
	if cell.head != head || cell.tail != tail || len(cell.name) != len(name) || cell.slot < 0 {
		return -1
	}
	if len(name) > 16 && cell.name != string(name) {
		return -1
	}
	return cell.slot
}
