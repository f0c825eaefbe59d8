import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

import software.amazon.event.ruler.Machine;

/** Prints a line "event pattern" for each event of a folder and each pattern of another one that matches it. */
public class Match {
    public static void main(String[] folders) throws Exception {
        Map<String, String> patterns = files(Path.of(folders[0]));
        Machine machine = Machine.builder().build();
        for (Map.Entry<String, String> pattern : patterns.entrySet()) {
            machine.addRule(pattern.getKey(), pattern.getValue());
        }
        for (Map.Entry<String, String> event : files(Path.of(folders[1])).entrySet()) {
            for (String pattern : machine.rulesForJSONEvent(event.getValue())) {
                System.out.println(event.getKey() + " " + pattern);
            }
        }
    }

    /** The contents of the files of a folder, by name. */
    private static Map<String, String> files(Path folder) throws IOException {
        List<Path> paths = Files.list(folder).collect(Collectors.toList());
        return paths.stream().collect(Collectors.toMap(path -> path.getFileName().toString(), Match::content));
    }

    private static String content(Path path) {
        try {
            return Files.readString(path);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
