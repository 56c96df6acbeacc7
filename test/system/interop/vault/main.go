// Starts a client of the servers' own Go package, then asks for 32 bytes. Arguments: URL and token.
package main

import (
	"encoding/base64"
	"encoding/json"
	"os"

	"github.com/hashicorp/vault/api"
)

func main() {
	told := map[string]any{}
	config := api.DefaultConfig()
	config.Address = os.Args[1]
	config.MaxRetries = 0
	client, err := api.NewClient(config)
	if err != nil {
		panic(err)
	}
	client.SetToken(os.Args[2])
	if health, err := client.Sys().Health(); err == nil {
		told["health"] = health
	}
	if status, err := client.Sys().SealStatus(); err == nil {
		told["sealed"] = status.Sealed
	}
	self, err := client.Auth().Token().LookupSelf()
	told["authenticated"] = err == nil
	if err == nil {
		told["ttl"], _ = self.TokenTTL()
	}
	answer, err := client.Logical().Write("sys/tools/random/32", map[string]any{"format": "base64"})
	if err != nil {
		told["refusal"] = err.Error()
	} else {
		bytes, _ := base64.StdEncoding.DecodeString(answer.Data["random_bytes"].(string))
		told["size"] = len(bytes)
	}
	json.NewEncoder(os.Stdout).Encode(told)
}
