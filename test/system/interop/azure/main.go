// Asks Managed HSM for random bytes, once for each count: client.mjs says what goes in and comes out.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"
)

type credential string

func (token credential) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: string(token), ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func main() {
	url, token, mode, counts := os.Args[1], os.Args[2], os.Args[3], os.Args[4:]
	options := &azkeys.ClientOptions{DisableChallengeResourceVerification: mode == "trust"}
	options.Retry.MaxRetries = -1
	client, err := azkeys.NewClient(url, credential(token), options)
	if err != nil {
		log.Fatal(err)
	}
	for _, text := range counts {
		number, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			log.Fatal(err)
		}
		count := int32(number)
		answer, err := client.GetRandomBytes(context.Background(), azkeys.GetRandomBytesParameters{Count: &count}, nil)
		var refusal *azcore.ResponseError
		switch {
		case err == nil:
			fmt.Printf("ok %x\n", answer.Value)
		case errors.As(err, &refusal):
			fmt.Println("error", refusal.StatusCode, refusal.ErrorCode, strings.ReplaceAll(err.Error(), "\n", " "))
		default:
			fmt.Println("error - -", strings.ReplaceAll(err.Error(), "\n", " "))
		}
	}
}
