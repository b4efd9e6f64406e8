import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.URI;

/** Asks the server of the same container how it is, as the official image's program of this name does. */
public final class HealthCheck {

    private HealthCheck() {}

    /** Ends with 0 where the server says that it is well, else with 1. */
    public static void main(String[] arguments) throws IOException {
        var address = URI.create("http://127.0.0.1:8080/actuator/health").toURL();
        var connection = (HttpURLConnection) address.openConnection();
        connection.setConnectTimeout(2000);
        connection.setReadTimeout(3000);
        System.exit(connection.getResponseCode() == 200 ? 0 : 1);
    }
}
