import com.google.api.gax.core.FixedCredentialsProvider;
import com.google.api.gax.core.NoCredentialsProvider;
import com.google.api.gax.grpc.InstantiatingGrpcChannelProvider;
import com.google.api.gax.rpc.ApiException;
import com.google.auth.oauth2.AccessToken;
import com.google.auth.oauth2.GoogleCredentials;
import com.google.cloud.kms.v1.GenerateRandomBytesRequest;
import com.google.cloud.kms.v1.KeyManagementServiceClient;
import com.google.cloud.kms.v1.KeyManagementServiceSettings;
import com.google.cloud.kms.v1.ProtectionLevel;
import com.google.gson.Gson;
import io.grpc.ManagedChannelBuilder;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;

/**
 * Asks for bytes, with a token over TLS or without one in plain text, and prints a line for each answer.
 * Arguments: host, port, "grpc" or "rest", the token or nothing, how many bytes each time.
 */
public class Client {
    public static void main(String[] args) throws Exception {
        String endpoint = args[0] + ":" + args[1];
        boolean isRest = args[2].equals("rest");
        String token = args[3];
        KeyManagementServiceSettings.Builder settings =
            isRest ? KeyManagementServiceSettings.newHttpJsonBuilder() : KeyManagementServiceSettings.newBuilder();
        settings.setEndpoint(isRest && token.isEmpty() ? "http://" + endpoint : endpoint);
        if (token.isEmpty()) {
            settings.setCredentialsProvider(NoCredentialsProvider.create());
            if (!isRest) {
                settings.setTransportChannelProvider(InstantiatingGrpcChannelProvider.newBuilder()
                    .setEndpoint(endpoint)
                    .setChannelConfigurator(ManagedChannelBuilder::usePlaintext)
                    .build());
            }
        } else {
            GoogleCredentials credentials = GoogleCredentials.create(new AccessToken(token, null));
            settings.setCredentialsProvider(FixedCredentialsProvider.create(credentials));
        }
        // A daemon that is away would be asked for a minute.
        settings.generateRandomBytesSettings().setRetryableCodes();
        try (KeyManagementServiceClient client = KeyManagementServiceClient.create(settings.build())) {
            for (int at = 4; at < args.length; at++) {
                System.out.println(new Gson().toJson(ask(client, Integer.parseInt(args[at]))));
            }
        }
    }

    private static Map<String, String> ask(KeyManagementServiceClient client, int length) {
        Map<String, String> told = new HashMap<>();
        try {
            var answer = client.generateRandomBytes(GenerateRandomBytesRequest.newBuilder()
                .setLocation("projects/project/locations/global")
                .setLengthBytes(length)
                .setProtectionLevel(ProtectionLevel.HSM)
                .build());
            told.put("data", HexFormat.of().formatHex(answer.getData().toByteArray()));
            told.put("checksum", Long.toString(answer.getDataCrc32C().getValue()));
        } catch (ApiException error) {
            told.put("code", error.getStatusCode().getCode().name());
            told.put("message", error.getMessage());
            told.put("reason", error.getReason());
        }
        return told;
    }
}
