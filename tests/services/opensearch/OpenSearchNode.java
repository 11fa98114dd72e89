import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

import org.opensearch.Version;
import org.opensearch.cluster.service.ClusterService;
import org.opensearch.common.settings.Settings;
import org.opensearch.env.Environment;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.node.Node;
import org.opensearch.plugins.PluginInfo;

/**
 * One OpenSearch node with its modules and plugins on a flat class path.
 *
 * <p>The distribution's own main class wants its folder layout and refuses to run as root, as a
 * container in CI does. Usage: {@code OpenSearchNode FOLDER PLUGIN,... [setting=value
 * ...]}, where a PLUGIN is the name of a class.
 */
public final class OpenSearchNode extends Node {

    private static final long CLOSE_TIMEOUT_SECONDS = 10;

    private OpenSearchNode(Environment environment, String plugins) {
        super(environment, Stream.of(plugins.split(",")).map(OpenSearchNode::describe).toList(), true);
    }

    @Override
    protected void configureNodeAndClusterIdStateListener(ClusterService clusterService) {
        // It would put the node's id into a log layout that is not in use here.
    }

    private static PluginInfo describe(String name) {
        String javaVersion = Integer.toString(Runtime.version().feature());
        return new PluginInfo(name, "bundled", "-", Version.CURRENT, javaVersion, name, List.of(), false);
    }

    private static Environment environment(Path folder, Stream<String> settings) throws Exception {
        Path config = Files.createDirectories(folder.resolve("config"));
        Files.createDirectories(folder.resolve("modules"));
        Files.createDirectories(folder.resolve("plugins"));
        Settings.Builder builder = Settings.builder()
            .put("path.home", folder.toString())
            .put("path.data", folder.resolve("data").toString())
            .put("path.logs", folder.resolve("logs").toString());
        settings.map(setting -> setting.split("=", 2)).forEach(pair -> builder.put(pair[0], pair[1]));
        return InternalSettingsPreparer.prepareEnvironment(builder.build(), Map.of(), config, () -> "konn-test");
    }

    private static void close(Node node) {
        try {
            node.close();
            node.awaitClose(CLOSE_TIMEOUT_SECONDS, TimeUnit.SECONDS);
        } catch (Exception e) {
            e.printStackTrace();
        }
    }

    public static void main(String[] args) throws Exception {
        try {
            Path folder = Path.of(args[0]).toAbsolutePath();
            Node node = new OpenSearchNode(environment(folder, Stream.of(args).skip(2)), args[1]);
            Runtime.getRuntime().addShutdownHook(new Thread(() -> close(node)));
            node.start();
        } catch (Exception e) {
            // No thread of a half-started node may keep the process alive.
            e.printStackTrace();
            System.exit(1);
        }
        // A node's threads are daemons: it is this one that keeps the process alive.
        Thread.currentThread().join();
    }
}
