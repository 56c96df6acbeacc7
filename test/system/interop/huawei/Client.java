import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.huaweicloud.sdk.core.auth.BasicCredentials;
import com.huaweicloud.sdk.core.exception.ServiceResponseException;
import com.huaweicloud.sdk.kms.v2.KmsClient;
import com.huaweicloud.sdk.kms.v2.model.CreateKeyRequest;
import com.huaweicloud.sdk.kms.v2.model.CreateKeyRequestBody;
import com.huaweicloud.sdk.kms.v2.model.CreateRandomRequest;
import com.huaweicloud.sdk.kms.v2.model.GenRandomRequestBody;
import java.util.HashMap;
import java.util.Map;

/**
 * Calls CreateRandom or CreateKey with Huawei's SDK for Java; prints one JSON object a call. Arguments: as those of client.py.
 */
public class Client {
    public static void main(String[] arguments) throws Exception {
        ObjectMapper json = new ObjectMapper();
        for (int at = 1; at < arguments.length; at++)
            System.out.println(json.writeValueAsString(ask(arguments[0], json.readTree(arguments[at]))));
        System.exit(0); // The SDK's threads stay.
    }

    private static Map<String, Object> ask(String endpoint, JsonNode call) {
        BasicCredentials credentials = new BasicCredentials()
                .withAk(call.get("ak").asText())
                .withSk(call.get("sk").asText())
                .withProjectId("project");
        if (call.has("securityToken")) credentials.withSecurityToken(call.get("securityToken").asText());
        KmsClient client = KmsClient.newBuilder().withCredential(credentials).withEndpoint(endpoint).build();
        GenRandomRequestBody body = new GenRandomRequestBody().withRandomDataLength(call.get("length").asText());
        Map<String, Object> outcome = new HashMap<>();
        try {
            outcome.put("data", call.has("keyAlias")
                    ? createKey(client, call.get("keyAlias").asText())
                    : client.createRandom(new CreateRandomRequest().withBody(body)).getRandomData());
        } catch (ServiceResponseException error) {
            outcome.put("status", error.getHttpStatusCode());
            outcome.put("code", error.getErrorCode());
            outcome.put("message", error.getErrorMsg());
            outcome.put("id", error.getRequestId());
        }
        return outcome;
    }

    private static String createKey(KmsClient client, String alias) {
        CreateKeyRequestBody body = new CreateKeyRequestBody().withKeyAlias(alias);
        return client.createKey(new CreateKeyRequest().withBody(body)).getKeyInfo().getKeyId();
    }
}
