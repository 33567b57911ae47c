import '../ui/shell';
