import java.net.URI;
import java.util.Base64;
import java.util.Map;
import org.springframework.scheduling.concurrent.ThreadPoolTaskScheduler;
import org.springframework.vault.VaultException;
import org.springframework.vault.authentication.LifecycleAwareSessionManager;
import org.springframework.vault.authentication.LoginToken;
import org.springframework.vault.authentication.TokenAuthentication;
import org.springframework.vault.client.SimpleVaultEndpointProvider;
import org.springframework.vault.client.VaultClients;
import org.springframework.vault.client.VaultEndpoint;
import org.springframework.vault.core.VaultTemplate;
import org.springframework.http.client.SimpleClientHttpRequestFactory;

/** Starts Spring Vault as its session manager does, then asks for 32 bytes. Arguments: URL and token. */
public class Client {
  public static void main(String[] args) throws Exception {
    VaultEndpoint endpoint = VaultEndpoint.from(URI.create(args[0]));
    var factory = new SimpleClientHttpRequestFactory();
    var rest = VaultClients.createRestTemplate(SimpleVaultEndpointProvider.of(endpoint), factory);
    var scheduler = new ThreadPoolTaskScheduler();
    scheduler.initialize();
    // Looks the token up at its first use.
    var sessions =
        new LifecycleAwareSessionManager(new TokenAuthentication(args[1]), scheduler, rest);
    var vault = new VaultTemplate(endpoint, factory, sessions);
    var told = new StringBuilder();
    told.append("{\"sealed\":").append(vault.opsForSys().getUnsealStatus().isSealed());
    told.append(",\"health\":{\"sealed\":").append(vault.opsForSys().health().isSealed());
    told.append("},\"authenticated\":").append(sessions.getSessionToken() instanceof LoginToken);
    try {
      var answer = vault.write("sys/tools/random/32", Map.of("format", "base64"));
      var bytes = Base64.getDecoder().decode((String) answer.getRequiredData().get("random_bytes"));
      told.append(",\"size\":").append(bytes.length);
    } catch (VaultException error) {
      told.append(",\"refusal\":\"").append(error.getMessage().replace("\"", "'").replace("\n", " ").replace("\t"," ")).append('"');
    }
    System.out.println(told.append('}'));
    System.exit(0);
  }
}
