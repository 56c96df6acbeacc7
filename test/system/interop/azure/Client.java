import com.azure.core.credential.AccessToken;
import com.azure.core.exception.HttpResponseException;
import com.azure.core.http.policy.FixedDelayOptions;
import com.azure.core.http.policy.RetryOptions;
import com.azure.security.keyvault.keys.KeyClientBuilder;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.Arrays;
import java.util.HexFormat;
import reactor.core.publisher.Mono;

/**
 * Asks Managed HSM for random bytes, once for each count: client.mjs says what goes in and comes out. The
 * first count is asked of the asynchronous client, the others of the synchronous one.
 */
public class Client {
  public static void main(String[] args) {
    var token = new AccessToken(args[1], OffsetDateTime.now().plusHours(1));
    var builder =
        new KeyClientBuilder()
            .vaultUrl(args[0])
            .credential(request -> Mono.just(token))
            .retryOptions(new RetryOptions(new FixedDelayOptions(0, Duration.ZERO)));
    if (args[2].equals("trust")) builder.disableChallengeResourceVerification();
    boolean isFirst = true;
    for (String count : Arrays.copyOfRange(args, 3, args.length)) {
      try {
        int size = Integer.parseInt(count);
        byte[] bytes =
            isFirst
                ? builder.buildAsyncClient().getRandomBytes(size).block()
                : builder.buildClient().getRandomBytes(size);
        System.out.println("ok " + HexFormat.of().formatHex(bytes));
      } catch (HttpResponseException error) {
        var text = error.getMessage().replace("\n", " ");
        var code = text.replaceFirst(".*\"code\": *\"(\\w+)\".*", "$1");
        System.out.println("error " + error.getResponse().getStatusCode() + " " + code + " " + text);
      } catch (RuntimeException error) {
        System.out.println("error - - " + String.valueOf(error.getMessage()).replace("\n", " "));
      }
      isFirst = false;
    }
    System.exit(0);
  }
}
