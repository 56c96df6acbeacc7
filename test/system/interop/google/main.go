// Asks for bytes, with a token over TLS or without one in plain text, and prints a line for each answer.
// Arguments: host, port, "grpc" or "rest", the token or nothing, how many bytes each time.
package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strconv"

	kms "cloud.google.com/go/kms/apiv1"
	"cloud.google.com/go/kms/apiv1/kmspb"
	"github.com/googleapis/gax-go/v2/apierror"
	"golang.org/x/oauth2"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

func connect(endpoint, transport, token string) (*kms.KeyManagementClient, error) {
	ctx := context.Background()
	options := []option.ClientOption{option.WithoutAuthentication()}
	if token != "" {
		source := oauth2.StaticTokenSource(&oauth2.Token{AccessToken: token})
		options = []option.ClientOption{option.WithTokenSource(source)}
	}
	if transport == "rest" {
		scheme := "http://"
		if token != "" {
			scheme = "https://"
		}
		return kms.NewKeyManagementRESTClient(ctx, append(options, option.WithEndpoint(scheme+endpoint))...)
	}
	if token == "" {
		plain := grpc.WithTransportCredentials(insecure.NewCredentials())
		options = append(options, option.WithGRPCDialOption(plain))
	}
	return kms.NewKeyManagementClient(ctx, append(options, option.WithEndpoint(endpoint))...)
}

func main() {
	client, err := connect(os.Args[1]+":"+os.Args[2], os.Args[3], os.Args[4])
	if err != nil {
		panic(err)
	}
	// A daemon that is away would be asked for a minute.
	client.CallOptions.GenerateRandomBytes = nil
	for _, size := range os.Args[5:] {
		length, _ := strconv.Atoi(size)
		json.NewEncoder(os.Stdout).Encode(ask(client, int32(length)))
	}
}

func ask(client *kms.KeyManagementClient, length int32) map[string]string {
	answer, err := client.GenerateRandomBytes(context.Background(), &kmspb.GenerateRandomBytesRequest{
		Location:        "projects/project/locations/global",
		LengthBytes:     length,
		ProtectionLevel: kmspb.ProtectionLevel_HSM,
	})
	if err == nil {
		checksum := strconv.FormatInt(answer.DataCrc32C.GetValue(), 10)
		return map[string]string{"data": hex.EncodeToString(answer.Data), "checksum": checksum}
	}
	var refusal *apierror.APIError
	if !errors.As(err, &refusal) {
		panic(err)
	}
	code := refusal.GRPCStatus().Code().String()
	return map[string]string{"code": code, "message": refusal.Error(), "reason": refusal.Reason()}
}
