// Command tlogcheck checks a Sandhi log with Go's own transparency-log code, golang.org/x/mod/sumdb.
//
//	tlogcheck fsck VKEY PREFIX                  checkpoint, every tile and every entry
//	tlogcheck consistency VKEY PREFIX OLD       the log still contains the checkpoint in the file OLD
//	tlogcheck proof VKEY PROOF ENTRY            a proof file holds for the exact bytes in the file ENTRY
//
// PREFIX is a directory or an http(s) address. It shares nothing with the code that writes the log.
package main

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

func main() {
	var err error
	switch {
	case len(os.Args) == 4 && os.Args[1] == "fsck":
		err = fsck(os.Args[2], os.Args[3])
	case len(os.Args) == 5 && os.Args[1] == "consistency":
		err = consistency(os.Args[2], os.Args[3], os.Args[4])
	case len(os.Args) == 5 && os.Args[1] == "proof":
		err = proof(os.Args[2], os.Args[3], os.Args[4])
	default:
		err = errors.New("usage: tlogcheck fsck|consistency|proof VKEY ...")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "tlogcheck:", err)
		os.Exit(1)
	}
}

func fsck(vkey, prefix string) error {
	tree, err := openCheckpoint(vkey, func() ([]byte, error) { return fetch(prefix, "checkpoint") })
	if err != nil {
		return err
	}
	stored := &hashes{}
	for n := int64(0); n < tree.N; n += 1 << height {
		width := tree.N - n
		if width > 1<<height {
			width = 1 << height
		}
		entries, err := bundle(prefix, n>>height, int(width))
		if err != nil {
			return err
		}
		for at, entry := range entries {
			added, err := tlog.StoredHashes(n+int64(at), entry, stored)
			if err != nil {
				return err
			}
			*stored = append(*stored, added...)
		}
	}
	if err := sameRoot(tree, stored, "entries"); err != nil {
		return err
	}
	if err := everyTile(tree, prefix, stored); err != nil {
		return err
	}
	fmt.Printf("ok %d %s\n", tree.N, tree.Hash)
	return nil
}

// everyTile compares each tile byte by byte with the one the entries give, and reads proofs out of the tiles.
func everyTile(tree tlog.Tree, prefix string, stored *hashes) error {
	for _, tile := range published(tree.N) {
		want, err := tlog.ReadTileData(tile, stored)
		if err != nil {
			return err
		}
		got, err := fetch(prefix, tilePath(tile))
		if err != nil {
			return err
		}
		if string(got) != string(want) {
			return fmt.Errorf("%s is not the tile of these entries", tilePath(tile))
		}
	}
	reader := tlog.TileHashReader(tree, &tiles{prefix})
	for _, index := range []int64{0, tree.N / 2, tree.N - 1} {
		if tree.N == 0 {
			break
		}
		path, err := tlog.ProveRecord(tree.N, index, reader)
		if err != nil {
			return err
		}
		leaf, err := stored.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(path, tree.N, tree.Hash, index, leaf[0]); err != nil {
			return err
		}
	}
	return nil
}

// published lists the hash tiles of a tree: all full ones, and the partial one at the edge of each level.
func published(size int64) []tlog.Tile {
	var all []tlog.Tile
	for level := 0; size>>(height*uint(level)) > 0; level++ {
		count := size >> (height * uint(level))
		for n := int64(0); n < count>>height; n++ {
			all = append(all, tlog.Tile{H: height, L: level, N: n, W: 1 << height})
		}
		if rest := count % (1 << height); rest > 0 {
			all = append(all, tlog.Tile{H: height, L: level, N: count >> height, W: int(rest)})
		}
	}
	return all
}

func consistency(vkey, prefix, oldFile string) error {
	old, err := openCheckpoint(vkey, func() ([]byte, error) { return os.ReadFile(oldFile) })
	if err != nil {
		return err
	}
	tree, err := openCheckpoint(vkey, func() ([]byte, error) { return fetch(prefix, "checkpoint") })
	if err != nil {
		return err
	}
	path, err := tlog.ProveTree(tree.N, old.N, tlog.TileHashReader(tree, &tiles{prefix}))
	if err != nil {
		return err
	}
	if err := tlog.CheckTree(path, tree.N, tree.Hash, old.N, old.Hash); err != nil {
		return err
	}
	fmt.Printf("ok %d contains %d\n", tree.N, old.N)
	return nil
}

func proof(vkey, proofFile, entryFile string) error {
	text, err := os.ReadFile(proofFile)
	if err != nil {
		return err
	}
	entry, err := os.ReadFile(entryFile)
	if err != nil {
		return err
	}
	parts := strings.SplitN(string(text), "\n\n", 2)
	lines := strings.Split(parts[0], "\n")
	if len(parts) != 2 || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return errors.New("not a proof file")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	if err != nil {
		return err
	}
	var path tlog.RecordProof
	for _, line := range lines[2:] {
		raw, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(raw) != tlog.HashSize {
			return errors.New("a line of the proof is not a hash")
		}
		var hash tlog.Hash
		copy(hash[:], raw)
		path = append(path, hash)
	}
	tree, err := openCheckpoint(vkey, func() ([]byte, error) { return []byte(parts[1]), nil })
	if err != nil {
		return err
	}
	if err := tlog.CheckRecord(path, tree.N, tree.Hash, index, tlog.RecordHash(entry)); err != nil {
		return err
	}
	fmt.Printf("ok %d of %d\n", index, tree.N)
	return nil
}

func openCheckpoint(vkey string, read func() ([]byte, error)) (tlog.Tree, error) {
	var tree tlog.Tree
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tree, err
	}
	raw, err := read()
	if err != nil {
		return tree, err
	}
	opened, err := note.Open(raw, note.VerifierList(verifier))
	if err != nil {
		return tree, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() || lines[3] != "" {
		return tree, errors.New("the checkpoint has not the three lines origin, size, root")
	}
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return tree, err
	}
	tree.Hash, err = tlog.ParseHash(lines[2])
	return tree, err
}

func sameRoot(tree tlog.Tree, reader tlog.HashReader, what string) error {
	if tree.N == 0 {
		return nil
	}
	root, err := tlog.TreeHash(tree.N, reader)
	if err != nil {
		return err
	}
	if root != tree.Hash {
		return fmt.Errorf("the %s have root %s, the checkpoint says %s", what, root, tree.Hash)
	}
	return nil
}

func bundle(prefix string, n int64, width int) ([][]byte, error) {
	tile := tlog.Tile{H: height, L: -1, N: n, W: width}
	raw, err := fetch(prefix, tilePath(tile))
	if err != nil {
		return nil, err
	}
	var entries [][]byte
	for len(raw) > 0 {
		if len(raw) < 2 || len(raw) < 2+int(binary.BigEndian.Uint16(raw)) {
			return nil, fmt.Errorf("%s ends inside an entry", tilePath(tile))
		}
		end := 2 + int(binary.BigEndian.Uint16(raw))
		entries = append(entries, raw[2:end])
		raw = raw[end:]
	}
	if len(entries) != width {
		return nil, fmt.Errorf("%s has %d entries instead of %d", tilePath(tile), len(entries), width)
	}
	return entries, nil
}

// tilePath turns Go's spelling of a tile's path into that of C2SP tlog-tiles.
func tilePath(tile tlog.Tile) string {
	path := strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", height), "tile/", 1)
	return strings.Replace(path, "tile/data/", "tile/entries/", 1)
}

// hashes holds all hashes in the order of tlog.StoredHashIndex.
type hashes []tlog.Hash

func (h *hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var found []tlog.Hash
	for _, index := range indexes {
		if index >= int64(len(*h)) {
			return nil, fmt.Errorf("hash %d is not known yet", index)
		}
		found = append(found, (*h)[index])
	}
	return found, nil
}

type tiles struct{ prefix string }

func (t *tiles) Height() int { return height }

func (t *tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (t *tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range wanted {
		raw, err := fetch(t.prefix, tilePath(tile))
		if err != nil {
			return nil, err
		}
		found = append(found, raw)
	}
	return found, nil
}

func fetch(prefix, path string) ([]byte, error) {
	if !strings.HasPrefix(prefix, "http://") && !strings.HasPrefix(prefix, "https://") {
		return os.ReadFile(filepath.Join(prefix, filepath.FromSlash(path)))
	}
	answer, err := http.Get(strings.TrimSuffix(prefix, "/") + "/" + path)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: status %d", path, answer.StatusCode)
	}
	return io.ReadAll(answer.Body)
}
