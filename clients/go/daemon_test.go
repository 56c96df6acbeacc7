package entropyd

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/big"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	cryptorand "crypto/rand"
)

var background = context.Background()

func wantCode(t *testing.T, code string, err error) *Error {
	t.Helper()
	var failure *Error
	if !errors.As(err, &failure) || failure.Code != code {
		t.Fatalf("%v instead of %s", err, code)
	}
	return failure
}

func wantBytes(t *testing.T, client *Client, n int) []byte {
	t.Helper()
	data, err := client.Random(background, n)
	if err != nil || len(data) != n {
		t.Fatalf("%d of %d bytes: %v", len(data), n, err)
	}
	return data
}

func TestDaemon(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	kill := startDaemon(t, path)
	client := &Client{Path: path}
	defer client.Close()

	t.Run("any number of bytes is returned", func(t *testing.T) {
		for _, n := range []int{0, 1, 32, 33, 4096, 1 << 20, 1<<20 + 1, 3<<20 + 3} {
			wantBytes(t, client, n)
		}
		for _, n := range []int{33, 64<<10 + 1} {
			if data, err := client.RandomPredictionResistant(background, n); err != nil || len(data) != n {
				t.Fatalf("%d of %d bytes: %v", len(data), n, err)
			}
		}
		_, err := client.Random(background, -1)
		wantCode(t, "ERR_LENGTH", err)
		if len(client.kept) != 1 {
			t.Errorf("%d connections", len(client.kept))
		}
	})
	t.Run("it is an io.Reader", func(t *testing.T) {
		p := make([]byte, 100)
		if n, err := client.Read(p[:64]); n != 64 || err != nil || bytes.Equal(p[:64], make([]byte, 64)) {
			t.Fatal(n, err)
		}
		if !bytes.Equal(p[64:], make([]byte, 36)) {
			t.Error("nothing behind it is touched")
		}
		if n, err := client.Read(nil); n != 0 || err != nil {
			t.Error(n, err)
		}
		if n, err := io.CopyN(io.Discard, client, 100_000); n != 100_000 {
			t.Error(n, err)
		}
		if _, err := cryptorand.Int(client, big.NewInt(1000)); err != nil {
			t.Error(err)
		}
	})
	t.Run("health", func(t *testing.T) {
		health, err := client.Health(background)
		if err != nil || health.State == "" {
			t.Fatal(health, err)
		}
		for _, source := range health.Sources {
			if _, isText := source["name"].(string); !isText {
				t.Error(source)
			}
		}
	})
	t.Run("goroutines draw at the same time, and eight connections are kept", func(t *testing.T) {
		var drawn sync.Map
		var all sync.WaitGroup
		for i := 0; i < 16; i++ {
			all.Add(1)
			go func() {
				defer all.Done()
				for k := 0; k < 50; k++ {
					data, err := client.Random(background, 16)
					if _, isThere := drawn.LoadOrStore(string(data), true); isThere || err != nil {
						t.Error(err, "or the same twice")
					}
				}
			}()
		}
		all.Wait()
		if len(client.kept) > maxKept {
			t.Errorf("%d connections", len(client.kept))
		}
	})
	t.Run("it is found by its variables", func(t *testing.T) {
		t.Setenv("ENTROPYD_SOCKET", path)
		found := &Client{}
		defer found.Close()
		wantBytes(t, found, 32)
	})
	t.Run("a daemon that was restarted is connected to again", func(t *testing.T) {
		kill()
		p := []byte("not zero")
		n, err := client.Read(p)
		wantCode(t, "ERR_CONNECT", err)
		if n != 0 || !bytes.Equal(p, make([]byte, 8)) {
			t.Error("a failure leaves zeros", n, p)
		}
		startDaemon(t, path)
		wantBytes(t, client, 32)
	})
	t.Run("a closed client refuses", func(t *testing.T) {
		client.Close()
		_, err := client.Random(background, 1)
		wantCode(t, "ERR_CLOSED", err)
	})
}

func TestWithoutDaemon(t *testing.T) {
	for path, cause := range map[string]error{
		filepath.Join(t.TempDir(), "none"):           syscall.ENOENT,
		"/dev/null":                                  syscall.ECONNREFUSED,
		"/" + string(bytes.Repeat([]byte("a"), 200)): syscall.EINVAL,
	} {
		_, err := (&Client{Path: path}).Health(background)
		if !errors.Is(wantCode(t, "ERR_CONNECT", err), cause) {
			t.Error(err)
		}
	}
}
